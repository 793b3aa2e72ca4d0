import { execFileSync } from "node:child_process"

/**
 * The name of the user that this process runs as. The runtime's own answer is read from the environment alone, which
 * says nothing under cron and in containers.
 */
export const localUser = (): string => {
  const name = process.env["USER"] ?? process.env["LOGNAME"] ?? ""
  if (name !== "") return name
  try {
    return execFileSync("id", ["-un"], { encoding: "utf8" }).trim()
  } catch {
    return "root"
  }
}

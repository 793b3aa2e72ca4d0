import { execFileSync } from "node:child_process"

/**
 * The name of the user that runs this process. Bun's `os.userInfo()` only reads environment variables, which are missing
 * under cron and in containers, so this falls back to `id`.
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

import { execFileSync } from "node:child_process"

/** The user's name in the user database. */
const fromUserDatabase = (): string => {
  try {
    return execFileSync("id", ["-un"], { encoding: "utf8" }).trim()
  } catch {
    return "root"
  }
}

let found: string | undefined

/**
 * The name of the user that runs this process. Bun's `os.userInfo()` only reads environment variables, which are missing
 * under cron and in containers, so this falls back to `id`. It starts that program only once, because each deployed
 * container asks for the name.
 */
export const localUser = (): string => {
  const name = process.env["USER"] ?? process.env["LOGNAME"] ?? ""
  return name === "" ? (found ??= fromUserDatabase()) : name
}

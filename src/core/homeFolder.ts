import { execFileSync } from "node:child_process"
import { isAbsolute } from "node:path"

// `~NAME` is the only way to ask the user database that every POSIX shell has. `eval` gets no name with other characters.
const script = `name=$(id -un) && case $name in "" | -* | *[!A-Za-z0-9._-]*) exit 1 ;; esac && eval "printf %s ~$name"`

/** The home folder in the user database. Bun's `os.userInfo()` and `os.homedir()` return $HOME instead. */
const fromUserDatabase = (): string => {
  try {
    const found = execFileSync("/bin/sh", ["-c", script], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      env: { PATH: `${process.env["PATH"] ?? ""}:/usr/bin:/bin` }
    })
    // Without an entry, the shell leaves `~NAME` as it is.
    return isAbsolute(found) ? found : "/"
  } catch {
    return "/"
  }
}

/**
 * The current user's home folder: $HOME, or the one in the user database. Ignores an empty or relative $HOME: it would
 * name a folder in the current one, and a cloned repository could bring its own `.ssh/config`. Always an absolute path.
 */
export const homeFolder = ({ HOME = "" }: Readonly<Record<string, string | undefined>> = process.env): string =>
  isAbsolute(HOME) ? HOME : fromUserDatabase()

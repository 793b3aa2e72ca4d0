import { randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { Clock, Effect, FileSystem, Option } from "effect"

/** How old a file must be before it is removed without knowing whether its owner is gone. */
const abandonedAfter = 24 * 60 * 60 * 1000

/** When a process started, in clock ticks since boot. Empty if the system does not have /proc. */
const processStart = (pid: number): string => {
  try {
    // The fields follow the program's name, which is in parentheses and may contain anything; see proc(5).
    return readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ")[19] ?? ""
  } catch {
    return ""
  }
}

/** Makes a name for a temporary file that identifies its owner: host name, process id, process start time; plus a random part. */
export const makeName = (): string =>
  `${hostname()}.${process.pid}.${processStart(process.pid)}-${randomUUID().slice(0, 8)}`

/** Whether the process that owns a temporary file is known to have exited. */
const ownerIsGone = (name: string): boolean => {
  const [, host, pid, start = ""] = /^(.+)\.(\d+)\.(?:(\d+)-(?=[0-9a-f]{8}$))?[0-9a-f-]+$/.exec(name) ?? []
  if (host !== hostname()) return false
  // The system may have reused the process id.
  const now = processStart(Number(pid))
  if (start !== "" && now !== "" && now !== start) return true
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (cause) {
    // EPERM means that the process exists but belongs to another user.
    return cause instanceof Error && "code" in cause && cause.code === "ESRCH"
  }
}

/** Removes the files of killed processes from a folder of temporary files, and files older than `age` milliseconds. */
export const removeAbandoned = Effect.fnUntraced(function* (directory: string, age: number = abandonedAfter) {
  const fs = yield* FileSystem.FileSystem
  const now = yield* Clock.currentTimeMillis
  yield* Effect.forEach(
    yield* fs.readDirectory(directory),
    Effect.fnUntraced(
      function* (name) {
        const path = `${directory}/${name}`
        const written = Effect.map(fs.stat(path), (info) => Option.getOrElse(info.mtime, () => new Date(now)).getTime())
        if (ownerIsGone(name) || now - (yield* written) > age) yield* fs.remove(path, { force: true })
      },
      (effect) => Effect.ignore(effect)
    ),
    { discard: true }
  )
})

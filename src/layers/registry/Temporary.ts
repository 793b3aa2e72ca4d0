import { randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { Clock, Effect, FileSystem, Option } from "effect"

/** Files that another machine or an unrelated process may own are left alone for this long. */
const abandonedAfter = 24 * 60 * 60 * 1000

/** When a process began, in ticks since the machine did. Empty where the system does not tell. */
const startOf = (pid: number): string => {
  try {
    // Behind the program's name, which is in parentheses and may hold anything; see proc(5).
    return readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ")[19] ?? ""
  } catch {
    return ""
  }
}

/** A name for a temporary file that says whose it is: machine, process, when that began, and a random part. */
export const name = (): string => `${hostname()}.${process.pid}.${startOf(process.pid)}-${randomUUID().slice(0, 8)}`

/** Whether the process that owns a temporary file of this name has ended, as far as this machine can tell. */
const ownerIsGone = (name: string): boolean => {
  const [, host, pid, start = ""] = /^(.+)\.(\d+)\.(?:(\d+)-(?=[0-9a-f]{8}$))?[0-9a-f-]+$/.exec(name) ?? []
  if (host !== hostname()) return false
  // A number is given to another process in time.
  const now = startOf(Number(pid))
  if (start !== "" && now !== "" && now !== start) return true
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (cause) {
    // EPERM: there is such a process, and it is somebody else's.
    return cause instanceof Error && "code" in cause && cause.code === "ESRCH"
  }
}

/** Removes what processes left in a folder of temporary files when they were killed; `age` is in milliseconds. */
export const sweep = Effect.fnUntraced(function* (directory: string, age: number = abandonedAfter) {
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

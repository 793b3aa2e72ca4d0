import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { Clock, Effect, FileSystem, Option } from "effect"

/** Files that another machine or an unrelated process may own are left alone for this long. */
const abandonedAfter = 24 * 60 * 60 * 1000

/** A name for a temporary file that says whose it is: machine, process, and a random part. */
export const name = (): string => `${hostname()}.${process.pid}.${randomUUID().slice(0, 8)}`

/** Whether the process that owns a temporary file of this name has ended, as far as this machine can tell. */
const ownerIsGone = (name: string): boolean => {
  const [, host, pid] = /^(.+)\.(\d+)\.[0-9a-f-]+$/.exec(name) ?? []
  if (host !== hostname()) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (cause) {
    // EPERM: there is such a process, and it is somebody else's.
    return cause instanceof Error && "code" in cause && cause.code === "ESRCH"
  }
}

/** Removes what processes left in a folder of temporary files when they were killed. */
export const sweep = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const now = yield* Clock.currentTimeMillis
  yield* Effect.forEach(
    yield* fs.readDirectory(directory),
    Effect.fnUntraced(
      function* (name) {
        const path = `${directory}/${name}`
        const written = Effect.map(fs.stat(path), (info) => Option.getOrElse(info.mtime, () => new Date(now)).getTime())
        if (ownerIsGone(name) || now - (yield* written) > abandonedAfter) yield* fs.remove(path, { force: true })
      },
      (effect) => Effect.ignore(effect)
    ),
    { discard: true }
  )
})

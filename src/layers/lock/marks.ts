import { Clock, Effect } from "effect"
import type { Server } from "../../config/Project.ts"
import { lastLines } from "../../core/lines.ts"
import type { Limit } from "../processes/Command.ts"
import { remote } from "../shell/Machine.ts"
import { Shell } from "../shell/Shell.ts"
import { audit } from "./audit/audit.ts"
import { encodeOwner, encodeSaid, type Holder, readHolder, type Said } from "./Holder.ts"
import { LockFailed } from "./LockError.ts"
import { mark } from "./mark/mark.ts"

type MarkArgs = Parameters<typeof mark.command>[0]

const limit = (waitingFor: string): Limit => ({
  after: "60 seconds",
  noteAfter: "10 seconds",
  waitingFor,
  program: "sh"
})

/** Runs `mark.sh`, and returns who holds the lock afterwards. */
const run = Effect.fnUntraced(function* (
  server: Server,
  args: Pick<MarkArgs, "action" | "project"> & Partial<MarkArgs>,
  entry: string
) {
  const { project } = args
  const shell = yield* Shell
  const command = mark.command({ folder: "", id: "", seconds: 0, owner: "", payload: "", ids: "", ...args })
  const { exitCode, stderr, stdout } = yield* shell.run(remote(server), {
    ...command,
    env: { JIJI_ENTRY: entry },
    limit: limit(`the lock of ${project}`)
  })
  if (exitCode !== 0) {
    const reason = lastLines(stderr, 3).trim() || `sh exited with ${exitCode}`
    return yield* new LockFailed({ server: server.name, project, reason })
  }
  const now = yield* Clock.currentTimeMillis
  const lines = yield* mark.answer(stdout)
  return lines.flatMap((line): ReadonlyArray<Holder> => {
    const holder = readHolder(line, now)
    return holder === undefined ? [] : [holder]
  })
})

/** Finds out who holds the lock of a project on a server: runs, and `jiji lock`. */
export const listLocks = (server: Server, project: string) => run(server, { action: "list", project }, "")

/** Writes a lock that ends by itself. Other locks of the same owner end. Returns who holds the lock now. */
export const writeLock = (
  server: Server,
  project: string,
  lock: { readonly id: string; readonly seconds: number; readonly said: Said },
  entry: string
) => {
  const { id, said, seconds } = lock
  const args = { action: "lock", project, id, seconds, owner: encodeOwner(said), payload: encodeSaid(said) } as const
  return run(server, args, entry)
}

/** Ends locks. Returns who still holds the lock. */
export const endLocks = (server: Server, project: string, ids: ReadonlyArray<string>, entry: string) =>
  run(server, { action: "unlock", project, ids: ids.join(" ") }, entry)

/** Reads the last lines of the audit that each user of a server has written, for `mergeAudit`. */
export const readAudit = Effect.fnUntraced(function* (server: Server, project: string, lines: number) {
  const shell = yield* Shell
  const command = audit.command({ project, folder: "", touch: false, lines })
  const { exitCode, stderr, stdout } = yield* shell.run(remote(server), { ...command, limit: limit("the audit") })
  if (exitCode === 0) return yield* audit.answer(stdout)
  const reason = lastLines(stderr, 3).trim() || `sh exited with ${exitCode}`
  return yield* new LockFailed({ server: server.name, project, reason })
})

import { Clock, Duration, Effect, Exit, Scope } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { Events } from "../core/Events.ts"
import { joinWords } from "../core/text.ts"
import { beganBy, didLine } from "../layers/lock/Entry.ts"
import { type Holder, holderText, untilText } from "../layers/lock/Holder.ts"
import { LockNotOwn, StillLocked } from "../layers/lock/LockError.ts"
import { endLocks, listLocks, writeLock } from "../layers/lock/marks.ts"
import { grouped, holdAll } from "../layers/lock/ProjectLock.ts"
import { Ssh } from "../layers/ssh/Ssh.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import { speaker } from "./Lock.ts"

/** What `jiji lock` begins with. */
export interface LockProjectInput {
  readonly project: Project
  /** Why, for those who find it locked. */
  readonly message: string
  /** After which time the lock ends by itself. */
  readonly lockFor: Duration.Duration
  /** How long to wait for somebody else's lock. By default, the run fails at once. */
  readonly waitForLock?: Duration.Duration
}

/** What `jiji unlock` begins with. */
export interface UnlockInput {
  readonly project: Project
  /** Whether to end also the locks of others. */
  readonly force: boolean
}

/** Who holds the lock on a server. */
export interface ServerLock {
  readonly server: Server
  readonly holder: Holder
}

const names = (servers: ReadonlyArray<Server>): string => joinWords(servers.map(({ name }) => name))

const note = Effect.fnUntraced(function* (text: string) {
  yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text })
})

/** Connects to all servers, so that none is changed if one cannot be reached. */
const connect = Step.make(
  "connect",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    const ssh = yield* Ssh
    yield* Effect.forEach(project.servers, (server) => ssh.connect(server), { concurrency: "unbounded", discard: true })
  })
)

const lockStep = Step.make(
  "lock",
  Effect.fnUntraced(function* ({ lockFor, message, project, waitForLock }: LockProjectInput) {
    const { name, servers } = project
    const said = { ...(yield* speaker), message }
    const now = yield* Clock.currentTimeMillis
    const entry = didLine(beganBy(said, now, { locked: false }), "succeeded")
    const lock = { id: said.run || `${now}`, seconds: Math.ceil(Duration.toSeconds(lockFor)), said }
    const holders = yield* Effect.scopedWith((scope) =>
      Effect.gen(function* () {
        // While no run holds the lock, and no run can take it.
        const wait = waitForLock === undefined ? {} : { wait: waitForLock }
        yield* Scope.provide(holdAll({ project: name, servers, said, mine: true, ...wait }), scope)
        return yield* Effect.forEach(servers, (server) => writeLock(server, name, lock, entry), {
          concurrency: "unbounded"
        }).pipe(
          Effect.onExit((exit) =>
            Exit.isSuccess(exit)
              ? Effect.void
              : Effect.forEach(servers, (server) => Effect.ignore(endLocks(server, name, [lock.id], "")), {
                  concurrency: "unbounded",
                  discard: true
                })
          )
        )
      })
    )
    const until = holders.flat().find(({ id }) => id === lock.id)?.until ?? now + Duration.toMillis(lockFor)
    yield* note(`locked ${name} on ${names(servers)} until ${untilText(until)}: ${message}`)
  })
)

/** What `jiji lock` runs: all servers are locked, or none. */
export const lock = Pipeline.make<LockProjectInput>("lock").pipe(Pipeline.step(connect), Pipeline.step(lockStep))

const findLocks = Step.make(
  "find-locks",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    const { name, servers } = project
    const found = yield* Effect.forEach(
      servers,
      (server) =>
        Effect.map(listLocks(server, name), (holders) => holders.map((holder): ServerLock => ({ server, holder }))),
      { concurrency: "unbounded" }
    )
    return { locks: found.flat() }
  })
)

/** Finds who holds the project's lock, on all its servers. */
export const locks = Pipeline.make<{ readonly project: Project }>("locks").pipe(
  Pipeline.step(connect),
  Pipeline.step(findLocks)
)

/** The locks of `jiji lock` by others. */
export const ofOthers = (locks: ReadonlyArray<ServerLock>, own: { readonly user: string; readonly machine: string }) =>
  locks.filter(
    ({ holder: { kind, machine, user } }) => kind === "mark" && (user !== own.user || machine !== own.machine)
  )

const unlockStep = Step.make(
  "unlock",
  Effect.fnUntraced(function* ({ force, locks, project }: UnlockInput & { readonly locks: ReadonlyArray<ServerLock> }) {
    const { name, servers } = project
    const said = yield* speaker
    const others = ofOthers(locks, said)
    if (others.length > 0 && !force) return yield* new LockNotOwn({ project: name, held: grouped(others) })
    const runs = locks.filter(({ holder }) => holder.kind === "run")
    for (const { holder, servers } of grouped(runs)) yield* note(holderText(name, joinWords(servers), holder))
    const ended = locks.filter(({ holder }) => holder.kind === "mark")
    if (ended.length === 0) return Step.skip(`${name} is not locked on ${names(servers)}`)
    const entry = didLine(beganBy(said, yield* Clock.currentTimeMillis, { locked: false }), "succeeded")
    const locked = servers.filter(({ name }) => ended.some(({ server }) => server.name === name))
    const left = yield* Effect.forEach(
      locked,
      (server) => {
        const ids = ended.flatMap((each) => (each.server.name === server.name ? [each.holder.id ?? ""] : []))
        return Effect.map(endLocks(server, name, ids, entry), (holders) =>
          holders.flatMap((holder): ReadonlyArray<ServerLock> => (holder.kind === "mark" ? [{ server, holder }] : []))
        )
      },
      { concurrency: "unbounded" }
    )
    if (left.flat().length > 0) return yield* new StillLocked({ project: name, held: grouped(left.flat()) })
    yield* note(`unlocked ${name} on ${names(locked)}`)
  })
)

/** What `jiji unlock` runs. The lock of a run that is going on ends with that run only. */
export const unlock = Pipeline.make<UnlockInput>("unlock").pipe(
  Pipeline.step(connect),
  Pipeline.step(findLocks),
  Pipeline.step(unlockStep)
)

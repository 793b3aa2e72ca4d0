import { Clock, Deferred, Duration, Effect, Exit, Scope, Stream } from "effect"
import { constants } from "node:os"
import type { Server } from "../../config/Project.ts"
import { Events } from "../../core/Events.ts"
import { lastLines } from "../../core/lines.ts"
import { CommandTimedOut } from "../processes/Command.ts"
import { remote } from "../shell/Machine.ts"
import { Shell, type ShellError } from "../shell/Shell.ts"
import { audit } from "./audit/audit.ts"
import { encodeOwner, encodeSaid, type Holder, holderText, readHolder, type Said, tame } from "./Holder.ts"
import { hold, simulated } from "./hold/hold.ts"
import { LockFailed, LockHeld } from "./LockError.ts"

/** How often jiji shows the servers that it is still there. */
const touchEvery = "20 seconds"

/** After how many seconds without a sign of jiji a lock ends. */
const lease = 100

/** For how many seconds a run waits for a younger one, which gives way if both are still taking their locks. */
const politeness = 3

/** The exit code of a command that was stopped before it held the lock: the server had no session left for another. */
const stopped = 128 + constants.signals.SIGTERM

/** How many seconds a server gets to answer, beside those for which it waits. */
const answerSeconds = 60

export interface HoldOptions {
  readonly project: string
  readonly servers: ReadonlyArray<Server>
  readonly said: Said
  /** Whether a lock of `jiji lock` of the same owner is no obstacle. */
  readonly mine?: boolean
  /** How long to wait for a lock that is held. */
  readonly wait?: Duration.Duration
}

/** The lock on one server. */
export interface HeldLock {
  readonly server: Server
  /** Whether there is nothing that could be lost, as in a rehearsal. */
  readonly isSimulated: boolean
  /** Which file of which machine is locked. Empty if the server cannot tell. */
  readonly file: string
  readonly release: Effect.Effect<void>
}

type Attempt =
  | { readonly _tag: "Locked"; readonly lock: HeldLock }
  | { readonly _tag: "Blocked"; readonly server: Server; readonly holder: Holder; readonly file: string }
  | { readonly _tag: "Unreachable" }

const warnings: Readonly<Record<string, string>> = {
  flockless:
    "has no program flock, so nothing keeps other runs from changing the project at the same time. Install util-linux there.",
  unwritable: "does not let jiji create files in /var/tmp, so other runs may change the project at the same time."
}

/** Takes the lock on one server, and holds it until the scope closes. */
const attempt = Effect.fnUntraced(function* (
  server: Server,
  options: HoldOptions,
  patience: number,
  scope: Scope.Scope
) {
  const { mine = false, project, said } = options
  const shell = yield* Shell
  const { publish } = yield* Events
  const own = yield* Scope.fork(scope)
  const result = yield* Deferred.make<Attempt, ShellError | LockFailed>()
  let isReleased = false
  let file = ""
  const note = (level: "info" | "warning", text: string) => publish({ _tag: "StepNoted", level, text })
  const lost = `${server.name} does not hold the lock of ${project} any more: another run may change it meanwhile`
  const release = Effect.suspend(() => {
    isReleased = true
    return Scope.close(own, Exit.void)
  })

  const onLine = Effect.fnUntraced(function* (line: string) {
    const [word = "", rest = ""] = line.split(/ (.*)/s)
    const now = yield* Clock.currentTimeMillis
    const holder = readHolder(rest, now)
    const warning = warnings[word]
    if (word === "locked") {
      const isSimulated = line === simulated
      const lock = { server, isSimulated, file: isSimulated ? "" : rest, release }
      yield* Deferred.succeed(result, { _tag: "Locked", lock })
    } else if (word === "file") file = rest
    else if (word === "held" && holder !== undefined) {
      yield* Deferred.succeed(result, { _tag: "Blocked", server, holder, file })
    } else if (word === "waiting" && holder !== undefined) {
      yield* note("info", `waiting: ${holderText(project, server.name, holder)}`)
    } else if (word === "unannounced") {
      const path = tame(rest)
      yield* note(
        "warning",
        `${server.name} cannot write ${path}, so other runs cannot see who holds the lock. If the file belongs to another user, remove it there as root.`
      )
    } else if (warning !== undefined) yield* note("warning", `${server.name} ${warning}`)
  })
  const command = {
    ...hold.command({
      project,
      folder: "",
      owner: encodeOwner(said),
      payload: encodeSaid(said),
      mine,
      patience,
      lease
    }),
    quiet: true,
    givesWay: true
  }
  const holding = shell.bytes(remote(server), command).pipe(
    Stream.decodeText,
    Stream.splitLines,
    Stream.runForEach(onLine),
    Effect.catchTag("CommandFailed", ({ code, stderr }) =>
      code === stopped
        ? Deferred.succeed(result, { _tag: "Unreachable" }).pipe(Effect.andThen(note("warning", lost)))
        : Effect.fail(
            new LockFailed({
              server: server.name,
              project,
              reason: lastLines(stderr).trim() || `sh exited with ${code}`
            })
          )
    ),
    Effect.onExit((exit) =>
      Effect.gen(function* () {
        const known = yield* Deferred.isDone(result)
        if (!known && Exit.isFailure(exit)) return yield* Deferred.failCause(result, exit.cause)
        const ended = { server: server.name, project, reason: "the script ended too early" }
        if (!known) return yield* Deferred.fail(result, new LockFailed(ended))
        const attempt = yield* Deferred.await(result)
        // If its connection is lost, the run notices that itself.
        if (isReleased || Exit.isFailure(exit) || attempt._tag !== "Locked" || attempt.lock.isSimulated) return
        yield* note("warning", lost)
      }).pipe(Effect.ignore)
    )
  )
  yield* Effect.forkIn(holding, own)
  const millis = (patience + answerSeconds) * 1000
  const waitingFor = `the lock of ${project}`
  return yield* Deferred.await(result).pipe(
    Effect.timeoutOrElse({
      duration: millis,
      orElse: () => new CommandTimedOut({ machine: server.name, program: "sh", waitingFor, millis, counts: "total" })
    }),
    // Steps that need the connection report it. This one must not be quicker and hide what they say.
    Effect.catchIf(isOfConnection, () => Effect.succeed<Attempt>({ _tag: "Unreachable" }))
  )
})

const isOfConnection = (error: ShellError | LockFailed): boolean =>
  !["LockFailed", "CommandTimedOut", "OutputTooLong", "ProgramMissing"].includes(error._tag)

/** Groups what blocks a run by its holder. */
export const grouped = (blocked: ReadonlyArray<{ readonly server: Server; readonly holder: Holder }>) => {
  const byHolder = Map.groupBy(blocked, ({ holder }) =>
    JSON.stringify([holder.kind, holder.user, holder.machine, holder.run])
  )
  return [...byHolder.values()].flatMap((all) =>
    all.slice(0, 1).map(({ holder }) => ({ holder, servers: all.map(({ server }) => server.name) }))
  )
}

/**
 * Takes the lock on all servers or on none, and holds it until the scope closes. Servers that cannot be reached are left out.
 *
 * All servers are tried at the same time. A run that finds one of them locked gives the others back, and then waits holding
 * nothing: so no two runs can wait for each other. If two runs are taking their locks at the same moment, the older one, by
 * its id, keeps what it has for some seconds, in which the younger one gives way.
 */
export const holdAll = Effect.fnUntraced(function* (options: HoldOptions) {
  const { project, said, servers, wait = Duration.zero } = options
  const scope = yield* Effect.scope
  const tryAll = (some: ReadonlyArray<Server>, patience: number) =>
    Effect.forEach(some, (server) => attempt(server, options, patience, scope), { concurrency: "unbounded" })
  let held: ReadonlyArray<HeldLock> = []
  let targets = servers
  let patience = 0
  let isPolite = true
  let hasWaited = false
  let deadline: number | undefined
  while (true) {
    const attempts = yield* tryAll(targets, patience)
    held = held.concat(attempts.flatMap((each) => (each._tag === "Locked" ? [each.lock] : [])))
    // Two servers of a project may be users of one machine, which then has one lock for both. What the holder says about itself
    // proves nothing: every user could write that.
    const files = new Set(held.flatMap(({ file }) => (file === "" ? [] : [file])))
    const blocked = attempts.flatMap((each) =>
      each._tag === "Blocked" && !(each.holder.kind === "run" && files.has(each.file)) ? [each] : []
    )
    const [first] = blocked
    if (first === undefined) return { locks: held, hasWaited }
    hasWaited = true
    // From now on: to connect may take a while.
    deadline ??= (yield* Clock.currentTimeMillis) + Duration.toMillis(wait)
    const isYounger = ({ holder }: { readonly holder: Holder }) => holder.kind === "run" && holder.run > said.run
    if (isPolite && held.length > 0 && blocked.every(isYounger)) {
      isPolite = false
      targets = blocked.map(({ server }) => server)
      patience = politeness
      continue
    }
    yield* Effect.forEach(held, ({ release }) => release, { concurrency: "unbounded", discard: true })
    held = []
    const remaining = Math.ceil((deadline - (yield* Clock.currentTimeMillis)) / 1000)
    const [waited] = remaining <= 0 ? [first] : yield* tryAll([first.server], remaining)
    if (waited === undefined || waited._tag === "Unreachable") return { locks: held, hasWaited }
    if (waited._tag === "Blocked") {
      const all = remaining <= 0 ? blocked : [waited]
      return yield* new LockHeld({
        project,
        held: grouped(all),
        isOwn: all.every(({ holder }) => holder.user === said.user && holder.machine === said.machine),
        waitedMillis: Duration.toMillis(wait)
      })
    }
    held = [waited.lock]
    targets = servers.filter(({ name }) => name !== first.server.name)
    patience = 0
    isPolite = true
  }
})

/** Runs `audit.sh` on servers, without caring whether it fails. Returns the names of those where it failed. */
export const writeAudit = Effect.fnUntraced(function* (
  project: string,
  servers: ReadonlyArray<Server>,
  entry: string,
  touch = false
) {
  const shell = yield* Shell
  const failed = yield* Effect.forEach(
    servers,
    (server) => {
      const command = audit.command({ project, folder: "", touch, lines: 0 })
      return shell.run(remote(server), { ...command, env: { JIJI_ENTRY: entry }, quiet: true }).pipe(
        Effect.map(({ exitCode, stdout }) => (exitCode === 0 && stdout.trim() === "" ? [] : [server.name])),
        Effect.orElseSucceed(() => [server.name])
      )
    },
    { concurrency: "unbounded" }
  )
  return failed.flat()
})

/** Shows the servers that jiji is still there, until it is interrupted. */
export const keepAlive = (project: string, locks: ReadonlyArray<HeldLock>) => {
  const servers = locks.flatMap(({ isSimulated, server }) => (isSimulated ? [] : [server]))
  if (servers.length === 0) return Effect.void
  return Effect.forever(Effect.andThen(Effect.sleep(touchEvery), writeAudit(project, servers, "", true)))
}

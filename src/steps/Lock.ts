import { Cause, Clock, type Duration, Effect, Exit, Fiber } from "effect"
import { hostname } from "node:os"
import type { Project, Server } from "../config/Project.ts"
import { CurrentPath, CurrentRun, Events } from "../core/Events.ts"
import { beganBy, beganLine, endedLine, type Outcome } from "../layers/lock/Entry.ts"
import { type Said, tame } from "../layers/lock/Holder.ts"
import { holdAll, keepAlive, writeAudit } from "../layers/lock/ProjectLock.ts"
import { localUser } from "../layers/ssh/localUser.ts"
import * as Step from "../pipeline/Step.ts"

export { AuditEntry, type Outcome } from "../layers/lock/Entry.ts"
export { Holder } from "../layers/lock/Holder.ts"
export { LockFailed, LockHeld, LockNotOwn, StillLocked } from "../layers/lock/LockError.ts"

/** What the lock needs to know about a run. */
export interface LockInput {
  readonly project: Project
  readonly version?: string
  readonly isFullDeploy?: boolean
  /** The services that the run is about, if not all of the project. */
  readonly services?: ReadonlyArray<string> | undefined
  /** How long to wait for a lock that somebody holds. By default, the run fails at once. */
  readonly waitForLock?: Duration.Duration
}

/** How long a run waits at its end for the servers to write the audit. */
export const endLimit = "5 seconds"

/** Who runs the current pipeline: the name of the pipeline is what the run does. */
export const speaker = Effect.gen(function* () {
  const path = yield* CurrentPath
  const run = yield* CurrentRun
  const [command = ""] = path.split(/[/[]/)
  const said: Said = { user: tame(localUser(), 100), machine: tame(hostname(), 100), run, command }
  return said
})

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) return "succeeded"
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed"
}

/** The part of the project that a run is about. */
export const part = ({ isFullDeploy, project, services, version }: LockInput) => ({
  ...(version !== undefined && version !== "" && { version }),
  ...(isFullDeploy !== true && { services: services ?? project.services.map(({ name }) => name) })
})

export const warnAbout = Effect.fnUntraced(function* (servers: ReadonlyArray<string>) {
  const { publish } = yield* Events
  for (const name of servers) {
    yield* publish({ _tag: "StepNoted", level: "warning", text: `${name} cannot write to the audit in /var/tmp.` })
  }
})

/** Writes how a run has ended. */
export const writeEnd = Effect.fnUntraced(function* (
  project: Project,
  servers: ReadonlyArray<Server>,
  run: string,
  exit: Exit.Exit<unknown, unknown>
) {
  const now = yield* Clock.currentTimeMillis
  yield* warnAbout(yield* writeAudit(project.name, servers, endedLine(run, now, outcomeOf(exit))))
})

/**
 * Takes the project's lock on all servers, or on none, until the pipeline ends. Fails with `LockHeld` if somebody else holds it.
 * The lock ends with the connection, also if jiji is killed. Writes an entry of the audit, with the name of the pipeline.
 *
 * Adds whether it had to wait: then what earlier steps have read from the servers may have changed.
 */
export const step = Step.make(
  "lock",
  Effect.fnUntraced(function* (state: LockInput) {
    const { project, waitForLock } = state
    const said = yield* speaker
    const { run } = said
    const { hasWaited, locks } = yield* holdAll({
      project: project.name,
      servers: project.servers,
      said,
      ...(waitForLock !== undefined && { wait: waitForLock })
    })
    const servers = locks.map(({ server }) => server)
    // Only now: a lock that is given back leaves no entry.
    const began = beganBy(said, yield* Clock.currentTimeMillis, { ...part(state), locked: true })
    const beginning = yield* Effect.forkScoped(writeAudit(project.name, servers, beganLine(began)))
    // Both at once, each for a round trip: the entry needs no lock.
    const release = Effect.forEach(locks, ({ release }) => release, { concurrency: "unbounded", discard: true })
    const path = yield* CurrentPath
    yield* Effect.addFinalizer((exit) =>
      Effect.all([Effect.andThen(Fiber.await(beginning), writeEnd(project, servers, run, exit)), release], {
        concurrency: "unbounded"
      }).pipe(
        Effect.interruptible,
        Effect.timeoutOption(endLimit),
        Effect.ignore,
        Effect.provideService(CurrentPath, path)
      )
    )
    yield* Effect.forkScoped(keepAlive(project.name, locks))
    return { hasWaitedForLock: hasWaited }
  })
)

import { Cause, Deferred, Effect, Exit } from "effect"
import { writeSync } from "node:fs"
import { messageOf, sourceLocation } from "../../core/errorText.ts"
import { ExitCode } from "../../core/Failure.ts"
import { IsDryRun } from "../../core/IsDryRun.ts"
import { HeldResources, UndoableSteps } from "../../core/NameTracker.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import { UnhandledError as OnUnhandledError } from "../../pipeline/interpreter/UnhandledError.ts"
import type { NotSimulated } from "../../rehearsal/NotSimulated.ts"
import { Notices } from "../../reporters/Notices.ts"
import { exitReport } from "./exit.ts"
import { describeLeftovers } from "./leftovers.ts"
import { refuseConnections } from "./refuseConnections.ts"
import { ExitCalled, UnhandledError, RunStuck } from "./UnhandledError.ts"

type RunError = ExitCalled | UnhandledError | RunStuck | NotSimulated
type Undo = () => void

const location = (error: unknown) => {
  const at = sourceLocation(error)
  return at === undefined ? {} : { at }
}

const emitter: NodeJS.EventEmitter = process

/** Listens to an event of the process until the returned function is called. */
const on = (event: string, listener: (value: unknown) => void): Undo => {
  // First in line, so that a signal is acknowledged before other listeners act on it.
  emitter.prependListener(event, listener)
  return () => void emitter.removeListener(event, listener)
}

/** Fails the run on errors that no step waits for. */
const listenForErrors = (fail: (error: RunError) => void): ReadonlyArray<Undo> => {
  const listener = (thing: UnhandledError["thing"]) => (error: unknown) =>
    // ExitCalled comes from a `process.exit` in a callback.
    fail(
      error instanceof ExitCalled ? error : new UnhandledError({ thing, text: messageOf(error), ...location(error) })
    )
  return [
    on("uncaughtException", listener("error")),
    on("unhandledRejection", listener("rejection")),
    // A pending promise alone does not keep the process alive.
    on("beforeExit", () => fail(new RunStuck()))
  ]
}

/** Makes `process.exit` fail the step that calls it; and the run, if the step catches that. */
const blockExit = (fail: (error: RunError) => void): Undo => {
  const { exit } = process
  process.exit = (code) => {
    const status = Number(code ?? process.exitCode ?? 0)
    const error = new ExitCalled({ status, refused: true, ...location(new Error()) })
    // Later, so that the step fails first.
    setTimeout(fail, 0, error)
    throw error
  }
  return () => void (process.exit = exit)
}

/** Reports an exit that could not be blocked, by a `process.exit` saved earlier, and makes it a failure. */
const reportForcedExit = (text: (status: number) => string): Undo =>
  on("exit", (status) => {
    // `supervise` has reported the exit on a second signal.
    if (status === ExitCode.interrupted) return
    writeSync(2, text(Number(status)))
    process.exitCode = ExitCode.failed
  })

const nextTask = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Prints a line at the first signal, since stopping can take a while. */
const acknowledgeSignals = (say: (line: string) => void): ReadonlyArray<Undo> => {
  const isTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  let acknowledged = false
  return (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((signal) =>
    on(signal, () => {
      const hint = signal === "SIGINT" && isTerminal ? "; press Ctrl-C again to exit immediately" : ""
      if (!acknowledged) say(`interrupted: stopping${hint}`)
      acknowledged = true
    })
  )
}

/**
 * Runs a pipeline, and fails it on what would otherwise end or bypass it: a call of `process.exit`, and errors outside of
 * its steps; in a dry run also a connection. It then undoes its steps and releases its resources as after any other failure.
 */
export const failOnUnhandledErrors = Effect.fnUntraced(function* <A, E, R>(run: Effect.Effect<A, E, R>) {
  const scrubber = yield* Scrubber
  const held = yield* HeldResources
  const undoable = yield* UndoableSteps
  const notices = yield* Notices
  const isDryRun = yield* IsDryRun
  const unhandled = yield* Deferred.make<never>()
  const fail = (error: RunError) => void Deferred.doneUnsafe(unhandled, Exit.die(error))
  const exitText = (status: number) => {
    const { text } = exitReport(Cause.die(new ExitCalled({ status, refused: false })), scrubber.text)
    return text + describeLeftovers(held.names(), undoable.names(), scrubber.text)
  }
  return yield* Effect.acquireUseRelease(
    Effect.sync(() => [
      ...listenForErrors(fail),
      blockExit(fail),
      ...(isDryRun ? [refuseConnections(fail)] : []),
      reportForcedExit(exitText),
      ...acknowledgeSignals(notices.print)
    ]),
    () =>
      Effect.provideService(run, OnUnhandledError, Deferred.await(unhandled)).pipe(
        // An error that came too late to stop the run still fails it. A rejection is only reported after the current task.
        Effect.tap(nextTask),
        Effect.tap(() => (Deferred.isDoneUnsafe(unhandled) ? Deferred.await(unhandled) : Effect.void))
      ),
    (undo) => Effect.sync(() => undo.forEach((each) => each()))
  )
})

import { Cause, Deferred, Effect, Exit } from "effect"
import { writeSync } from "node:fs"
import { ExitCode } from "../../core/Failure.ts"
import { messageOf, sourceLocation } from "../../core/errorText.ts"
import { HeldResources, UndoableSteps } from "../../core/NameTracker.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import { UnhandledError } from "../../pipeline/interpreter/UnhandledError.ts"
import { Notices } from "../../reporters/Notices.ts"
import { ending } from "./exit.ts"
import { left } from "./leftovers.ts"
import { ExitCalled, NobodyCaught, NothingLeft } from "./UnhandledError.ts"

type Fault = ExitCalled | NobodyCaught | NothingLeft
type Undo = () => void

const at = (error: unknown) => {
  const place = sourceLocation(error)
  return place === undefined ? {} : { at: place }
}

const emitter: NodeJS.EventEmitter = process

/** Listens to the process until what this returns is called. */
const on = (event: string, listener: (value: unknown) => void): Undo => {
  // Before others are: of a signal is told what is done for it.
  emitter.prependListener(event, listener)
  return () => void emitter.removeListener(event, listener)
}

/** Errors that no step waits for. */
const catchAll = (end: (fault: Fault) => void): ReadonlyArray<Undo> => {
  const caught = (thing: NobodyCaught["thing"]) => (error: unknown) =>
    // It has come out of a callback.
    end(error instanceof ExitCalled ? error : new NobodyCaught({ thing, text: messageOf(error), ...at(error) }))
  return [
    on("uncaughtException", caught("error")),
    on("unhandledRejection", caught("rejection")),
    // A promise alone keeps no process.
    on("beforeExit", () => end(new NothingLeft()))
  ]
}

/** Fails the step that calls `process.exit`, and the run, should the step catch that. */
const refuseExit = (end: (fault: Fault) => void): Undo => {
  const { exit } = process
  process.exit = (code) => {
    const fault = new ExitCalled({ status: Number(code ?? process.exitCode ?? 0), refused: true, ...at(new Error()) })
    // Not before the step has failed of it.
    setTimeout(end, 0, fault)
    throw fault
  }
  return () => void (process.exit = exit)
}

/** The last net, for an exit that was kept from before: it cannot be held up, but is no success. */
const tellExit = (text: (status: number) => string): Undo =>
  on("exit", (status) => {
    // What a second signal leaves has been told.
    if (status === ExitCode.interrupted) return
    writeSync(2, text(Number(status)))
    process.exitCode = ExitCode.failed
  })

/** Answers the first signal, since it may take a while until all has ended. */
const tellSignals = (say: (line: string) => void): ReadonlyArray<Undo> => {
  const isTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  let told = false
  return (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((signal) =>
    on(signal, () => {
      const again = signal === "SIGINT" && isTerminal ? "; Ctrl-C again stops at once" : ""
      if (!told) say(`interrupted: ending what runs${again}`)
      told = true
    })
  )
}

/**
 * Runs a pipeline in such a way that nothing in this process ends it without a word: not `process.exit`, and no error
 * outside of its steps. It fails of them, so that all is undone and released as after any failure.
 */
export const withoutStrays = Effect.fnUntraced(function* <A, E, R>(run: Effect.Effect<A, E, R>) {
  const scrubber = yield* Scrubber
  const held = yield* HeldResources
  const undoable = yield* UndoableSteps
  const notices = yield* Notices
  const stray = yield* Deferred.make<never>()
  const end = (fault: Fault) => void Deferred.doneUnsafe(stray, Exit.die(fault))
  const text = (status: number) =>
    scrubber.text(
      ending(Cause.die(new ExitCalled({ status, refused: false }))).text + left(held.names(), undoable.names())
    )
  return yield* Effect.acquireUseRelease(
    Effect.sync(() => [...catchAll(end), refuseExit(end), tellExit(text), ...tellSignals(notices.print)]),
    () =>
      Effect.provideService(run, UnhandledError, Deferred.await(stray)).pipe(
        // What came too late for the run is no success of it either.
        Effect.tap(() => (Deferred.isDoneUnsafe(stray) ? Deferred.await(stray) : Effect.void))
      ),
    (undo) => Effect.sync(() => undo.forEach((each) => each()))
  )
})

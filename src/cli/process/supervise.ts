import { Effect, Exit } from "effect"
import { ExitCode } from "../../core/Failure.ts"
import * as NameTracker from "../../core/NameTracker.ts"
import { exitReport } from "./exit.ts"
import { ForcedExit, type ForcedExitShape } from "./ForcedExit.ts"
import { forcedExitMessage } from "./leftovers.ts"

/**
 * Runs the program as this process: the first signal interrupts it, a second one exits immediately. Prints its errors,
 * with secrets removed by `scrub`, and exits with its exit code.
 */
export const supervise = (program: Effect.Effect<void, unknown>, scrub: (text: string) => string): void => {
  const held = NameTracker.make()
  const undoable = NameTracker.make()
  const forcedExit: ForcedExitShape = { before: undefined }
  // Kept from before a run blocks `process.exit`.
  const exit = process.exit.bind(process)
  const fiber = Effect.runFork(
    program.pipe(
      Effect.provideService(NameTracker.HeldResources, held),
      Effect.provideService(NameTracker.UndoableSteps, undoable),
      Effect.provideService(ForcedExit, forcedExit)
    )
  )

  let interrupted = false
  const onSignal = () => {
    const { before } = forcedExit
    if (interrupted && before !== undefined) {
      // A third signal does not wait for it.
      forcedExit.before = undefined
      void before().then((text) => process.stderr.write(text, () => exit(ExitCode.interrupted)))
      return
    }
    if (interrupted) {
      process.stderr.write(forcedExitMessage(held.names(), undoable.names(), scrub))
      exit(ExitCode.interrupted)
    }
    interrupted = true
    fiber.interruptUnsafe()
  }
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("SIGHUP", onSignal)
  // The reader of the output may go away at any time; the run continues.
  process.stdout.on("error", () => {})
  process.stderr.on("error", () => {})

  // An observer, since bytecode does not support top-level await.
  fiber.addObserver((result) => {
    const { code, text } = Exit.isSuccess(result) ? { code: ExitCode.done, text: "" } : exitReport(result.cause, scrub)
    // Exit only after a slow reader of a pipe has received everything.
    process.stdout.end(() => process.stderr.end(text, () => exit(code)))
  })
}

import { Effect, Exit } from "effect"
import { ExitCode } from "../../core/Failure.ts"
import * as NameTracker from "../../core/NameTracker.ts"
import { ending } from "./exit.ts"
import { stopped } from "./leftovers.ts"

/**
 * Runs the whole of this process: a signal interrupts it, and a second one ends it at once; it ends with the exit code of
 * what became of it. `clean` makes what is said of that fit to be read.
 */
export const supervised = (program: Effect.Effect<void, unknown>, clean: (text: string) => string): void => {
  const held = NameTracker.make()
  const undoable = NameTracker.make()
  // A run lets nobody else call it.
  const exit = process.exit.bind(process)
  const fiber = Effect.runFork(
    program.pipe(
      Effect.provideService(NameTracker.HeldResources, held),
      Effect.provideService(NameTracker.UndoableSteps, undoable)
    )
  )

  let stopping = false
  const stop = () => {
    if (stopping) {
      process.stderr.write(stopped(held.names().map(clean), undoable.names().map(clean)))
      exit(ExitCode.interrupted)
    }
    stopping = true
    fiber.interruptUnsafe()
  }
  process.on("SIGINT", stop).on("SIGTERM", stop).on("SIGHUP", stop)
  // Whoever reads the output may go away at any time; the run goes on.
  process.stdout.on("error", () => {})
  process.stderr.on("error", () => {})

  // No top-level await: the bundle's bytecode does not know it.
  fiber.addObserver((ended) => {
    const { code, text } = Exit.isSuccess(ended) ? { code: ExitCode.done, text: "" } : ending(ended.cause)
    // What was written to a pipe is still on its way, for as long as its reader takes.
    process.stdout.end(() => process.stderr.end(clean(text), () => exit(code)))
  })
}

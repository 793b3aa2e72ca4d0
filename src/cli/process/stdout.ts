import { Effect } from "effect"
import { Console } from "node:console"
import { OutputClosed } from "../../steps/LogsPipeline.ts"

/** The console before {@link reserveStdout}. */
export const originalConsole = globalThis.console
const originalWrite = process.stdout.write.bind(process.stdout)

/** Writes to stdout, even after {@link reserveStdout}. */
export const writeStdout = (text: string): void => void originalWrite(text)

/** Writes to stdout, and waits until all of it has left this process. Fails if nobody reads it any more. */
export const writeStdoutFully = (text: string | Uint8Array): Effect.Effect<void, OutputClosed> =>
  Effect.callback((resume) => {
    originalWrite(text, (error) => resume(error ? Effect.fail(new OutputClosed()) : Effect.void))
  })

/**
 * Reserves stdout for jiji: whatever other code prints, above all a user's pipeline, goes to stderr from now on. On stdout
 * it would break JSON events and live progress.
 */
export const reserveStdout = (): void => {
  Object.assign(globalThis, { console: new Console(process.stderr, process.stderr) })
  Object.assign(process.stdout, { write: process.stderr.write.bind(process.stderr) })
}

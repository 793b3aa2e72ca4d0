import { Console } from "node:console"

/** The console before {@link reserveStdout}. */
export const originalConsole = globalThis.console
const originalWrite = process.stdout.write.bind(process.stdout)

/** Writes to stdout, even after {@link reserveStdout}. */
export const writeStdout = (text: string): void => void originalWrite(text)

/**
 * Reserves stdout for jiji: whatever other code prints, above all a user's pipeline, goes to stderr from now on. On stdout
 * it would break JSON events and live progress.
 */
export const reserveStdout = (): void => {
  Object.assign(globalThis, { console: new Console(process.stderr, process.stderr) })
  Object.assign(process.stdout, { write: process.stderr.write.bind(process.stderr) })
}

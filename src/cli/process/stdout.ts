import { Console } from "node:console"

/** The console as it was. */
export const ownConsole = globalThis.console
const own = process.stdout.write.bind(process.stdout)

/** Writes to this process's stdout, whatever becomes of it for others. */
export const write = (text: string): void => void own(text)

/**
 * Leaves stdout to jiji: what others write there, the code of a pipeline's author above all, goes to stderr from now on.
 * It would stand between events for programs, and in the picture for a person.
 */
export const divert = (): void => {
  Object.assign(globalThis, { console: new Console(process.stderr, process.stderr) })
  Object.assign(process.stdout, { write: process.stderr.write.bind(process.stderr) })
}

import { Context, Effect } from "effect"
import type { Screen } from "../../reporters/Reporter.ts"
import type { OutputOptions } from "../RunLayers.ts"
import { writeStderr } from "./stderr.ts"
import { writeStdout } from "./stdout.ts"

/** The terminal that jiji was started in, or the pipe or file in its place. */
export interface TerminalShape extends Screen {
  /** Whether stdout is a terminal that lines can be redrawn on. */
  readonly canRedraw: boolean
  /** Whether stdin and stdout are terminals, so that a person can answer a question. */
  readonly isInteractive: boolean
}

export class Terminal extends Context.Service<Terminal, TerminalShape>()("jiji/cli/Terminal") {
  /** The terminal of this process. */
  static readonly make = ({ GITHUB_ACTIONS, NO_COLOR = "", TERM }: NodeJS.ProcessEnv): TerminalShape => ({
    write: writeStdout,
    // Getters, since a window can be resized at any time. CI systems often report a size of 0.
    get columns() {
      return process.stdout.columns || 200
    },
    get rows() {
      return process.stdout.rows || 24
    },
    colors: process.stdout.isTTY && NO_COLOR === "",
    // The log of a GitHub workflow cannot be redrawn, even if a step allocates a terminal.
    canRedraw: process.stdout.isTTY && TERM !== "dumb" && GITHUB_ACTIONS !== "true",
    isInteractive: process.stdin.isTTY && process.stdout.isTTY
  })
}

/** Prints the closing message of a command: on stdout, or on stderr if stdout is for JSON events only. */
export const printResult = Effect.fnUntraced(function* (text: string, { json }: OutputOptions) {
  if (json) return yield* writeStderr(text)
  const { write } = yield* Terminal
  write(text)
})

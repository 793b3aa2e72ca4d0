import type { Screen } from "../../reporters/Reporter.ts"
import { write } from "./stdout.ts"

/** What is around this process, as far as it matters to what jiji shows. */
export interface Ends {
  readonly output: Screen
  /** Whether a picture can be drawn for a person. */
  readonly drawn: boolean
  /** Whether a person is at both ends. */
  readonly interactive: boolean
}

/** This process's own. */
export const ends = ({ GITHUB_ACTIONS, NO_COLOR = "", TERM }: NodeJS.ProcessEnv): Ends => ({
  output: {
    write,
    // A window may be resized at any time; one of no size is one of which nothing is known, as a CI makes them.
    get columns() {
      return process.stdout.columns || 200
    },
    get rows() {
      return process.stdout.rows || 24
    },
    colors: process.stdout.isTTY && NO_COLOR === ""
  },
  // The log of a workflow is no screen, also where it is written through a terminal.
  drawn: process.stdout.isTTY && TERM !== "dumb" && GITHUB_ACTIONS !== "true",
  interactive: process.stdin.isTTY && process.stdout.isTTY
})

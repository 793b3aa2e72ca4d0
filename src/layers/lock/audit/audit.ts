import { Effect, Schema } from "effect"
import own from "../../docker/own.sh" with { type: "text" }
import { defineScript, Flag } from "../../processes/Script.ts"
import state from "../state.sh" with { type: "text" }
import text from "./audit.sh" with { type: "text" }

/** Adds an entry, JIJI_ENTRY, to the audit of a project on a server, or prints the last lines. */
export const audit = defineScript({
  name: "audit",
  text: `${own}${state}${text}`,
  args: {
    project: Schema.NonEmptyString,
    /** The folder of the files; empty for the usual one. */
    folder: Schema.String,
    /** Whether to show that the run that holds the lock is still there. */
    touch: Flag,
    /** How many lines of each user to print. */
    lines: Schema.FiniteFromString
  },
  answer: (stdout) => Effect.succeed(stdout.split("\n").filter((line) => line !== "")),
  usual: () => ""
})

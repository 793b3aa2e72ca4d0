import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import text from "./ignored.sh" with { type: "text" }

/** Prints which of some files git ignores. The words are the files. Exits with 1 if it ignores none. */
export const ignored = defineScript({
  name: "ignored",
  text,
  args: { folder: Schema.NonEmptyString },
  answer: (stdout) => Effect.succeed(new Set(stdout.split("\n"))),
  usual: () => ""
})

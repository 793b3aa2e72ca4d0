import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import text from "./version.sh" with { type: "text" }

/** Prints the version of a folder's files. Exits with 3 if there is no commit, and with 4 if git fails in a repository. */
export const version = defineScript({
  name: "version",
  text,
  args: { folder: Schema.NonEmptyString },
  answer: (stdout) => Effect.succeed(stdout.trim()),
  usual: () => "abc1234\n"
})

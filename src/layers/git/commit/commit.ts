import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import text from "./commit.sh" with { type: "text" }

/** Finds the commit of a folder, or the first line of a commit's message. */
export const commit = defineScript({
  name: "commit",
  text,
  args: {
    folder: Schema.String,
    /** The commit whose message to print. */
    subject: Schema.String
  },
  answer: (stdout) => Effect.succeed(stdout.trim()),
  usual: () => ""
})

import { Effect, Schema } from "effect"
import own from "../../docker/own.sh" with { type: "text" }
import { defineScript } from "../../processes/Script.ts"
import state from "../state.sh" with { type: "text" }
import text from "./mark.sh" with { type: "text" }

/** What is sent in characters that a shell leaves alone. */
const decodeText = (encoded: string): string => Buffer.from(encoded, "base64url").toString()

/** Writes, ends or lists the locks of `jiji lock` on a server. JIJI_ENTRY is an entry of the audit. */
export const mark = defineScript({
  name: "mark",
  text: `${own}${state}${text}`,
  args: {
    action: Schema.Literals(["lock", "unlock", "list"]),
    project: Schema.NonEmptyString,
    /** The folder of the files; empty for the usual one. */
    folder: Schema.String,
    /** The new lock, if it is to be written. */
    id: Schema.String,
    seconds: Schema.FiniteFromString,
    owner: Schema.String,
    payload: Schema.String,
    /** The locks to end. */
    ids: Schema.String
  },
  shown: ({ owner, payload }) => ({ owner: decodeText(owner), payload: decodeText(payload) }),
  answer: (stdout) => Effect.succeed(stdout.split("\n").filter((line) => line !== "")),
  usual: () => ""
})

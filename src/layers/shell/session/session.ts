import { Effect, Schema } from "effect"
import { defineScript, Flag } from "../../processes/Script.ts"
import hangUp from "./hangUp.sh" with { type: "text" }
import text from "./session.sh" with { type: "text" }

/** Watches over a session on a server: see {@link runGuarded}. */
export const session = defineScript({
  name: "session",
  text: `${hangUp}${text}`,
  args: {
    /** The value of JIJI_EXEC in the environment of the session's processes. */
    tag: Schema.NonEmptyString,
    /** Whether the session has a terminal. */
    terminal: Flag
  },
  answer: () => Effect.void,
  usual: () => "ready\n",
  byHand: () => []
})

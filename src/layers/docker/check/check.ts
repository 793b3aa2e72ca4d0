import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import login from "../login.sh" with { type: "text" }
import text from "./check.sh" with { type: "text" }

/** A login by hand; none without a registry. */
export const loginWords = (engine: string, registry: string, user: string): ReadonlyArray<ReadonlyArray<string>> =>
  registry === "" ? [] : [[engine, "login", "--username", user, "--password-stdin", registry]]

/** Logs in to a registry with the password in JIJI_PASSWORD, and leaves no login behind. */
export const check = defineScript({
  name: "check",
  text: `${login}${text}`,
  args: { engine: Schema.String, registry: Schema.String, user: Schema.String },
  answer: () => Effect.void,
  usual: () => "",
  byHand: ({ engine, registry, user }) => loginWords(engine, registry, user)
})

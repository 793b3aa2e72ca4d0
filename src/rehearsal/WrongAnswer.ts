import { Formatter, Schema } from "effect"
import { defineError } from "../core/defineError.ts"
import { cut } from "../core/text.ts"
import type { ScriptedOutput } from "./Answer.ts"

/** An answer of a test or a dry run replied with something that is not the output of a command. */
export class WrongAnswer extends defineError<WrongAnswer>()("WrongAnswer", {
  fields: { path: Schema.String, command: Schema.String, answer: Schema.String, got: Schema.String },
  message: (e) => `The answer ${JSON.stringify(e.answer)} gave ${e.path} the wrong reply to ${e.command}: ${e.got}.`,
  remedy:
    "Reply with `Answer.says`, `Answer.fails` or another function of `Answer`, or with an Effect of `{ stdout, stderr, exitCode }`.",
  exitCode: "failed",
  sample: {
    path: "deploy/servers[web1]/smoke",
    command: '"curl" on web1',
    answer: "curl",
    got: '{"stdout":"ok","stderr":"","exitCode":"0"}'
  }
}) {}

/** How many characters of a wrong reply are shown. */
const maxLength = 200

/** A value for the message. */
export const describeReply = (value: unknown): string =>
  typeof value === "function" ? "a function" : cut(Formatter.format(value), maxLength)

/** Whether a value is the output of a command. Tests may be written without type checking. */
export const isOutput = (value: ScriptedOutput): boolean => {
  const output: unknown = value
  return (
    typeof output === "object" &&
    output !== null &&
    typeof value.stdout === "string" &&
    typeof value.stderr === "string" &&
    Number.isInteger(value.exitCode)
  )
}

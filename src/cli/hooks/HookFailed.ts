import { Schema } from "effect"
import { defineError } from "../../core/defineError.ts"

const Reason = Schema.Union([
  /** It ended with another exit code than 0; `stderr` has its last lines. */
  Schema.TaggedStruct("Ended", { code: Schema.Int, stderr: Schema.String }),
  Schema.TaggedStruct("TimedOut", { seconds: Schema.Finite }),
  Schema.TaggedStruct("TooLong", {}),
  Schema.TaggedStruct("NotStarted", { cause: Schema.Defect() })
])

const sentence = (reason: typeof Reason.Type): string => {
  switch (reason._tag) {
    case "Ended": {
      const why = reason.code === 127 && reason.stderr === "" ? "its program is not there" : reason.stderr
      return `exit code ${reason.code}${why === "" ? "" : `: ${why}`}`
    }
    case "TimedOut":
      return `not done after ${reason.seconds} s, and ended`
    case "TooLong":
      return "it wrote more than any hook should, and was ended"
    case "NotStarted":
      return "it could not be started"
  }
}

/** A hook of deploy.yml failed. Only one that is `required` ends a command with this; of others it is a warning. */
export class HookFailed extends defineError<HookFailed>()("HookFailed", {
  fields: {
    hook: Schema.String,
    /** As deploy.yml names it. */
    event: Schema.String,
    reason: Reason
  },
  message: ({ hook, event, reason }) => `The hook ${hook} failed on ${event}: ${sentence(reason)}.`,
  remedy: ({ hook }) =>
    `See its command under hooks.${hook} in deploy.yml; \`required\` there says whether jiji fails with it.`,
  exitCode: "failed",
  sample: { hook: "slack", event: "run.started", reason: { _tag: "TimedOut", seconds: 30 } }
}) {}

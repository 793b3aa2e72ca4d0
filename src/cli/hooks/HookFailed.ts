import { Schema } from "effect"
import { defineError } from "../../core/defineError.ts"

const Reason = Schema.TaggedUnion({
  /** The exit code is not 0; `stderr` has the last lines. */
  Ended: { code: Schema.Int, stderr: Schema.String },
  TimedOut: { seconds: Schema.Finite },
  TooLong: {},
  NotStarted: { cause: Schema.Defect() }
})

const reasonText = Reason.match({
  Ended: ({ code, stderr }) => {
    const why = code === 127 && stderr === "" ? "its program was not found" : stderr
    return `exit code ${code}${why === "" ? "" : `: ${why}`}`
  },
  TimedOut: ({ seconds }) => `it took longer than ${seconds} s and was stopped`,
  TooLong: () => "it printed too much and was stopped",
  NotStarted: () => "it could not be started"
})

/** A hook of deploy.yml failed. This fails the command only if the hook is `required`; otherwise it is a warning. */
export class HookFailed extends defineError<HookFailed>()("HookFailed", {
  fields: { hook: Schema.String, event: Schema.String, reason: Reason },
  message: (e) => `The hook ${e.hook} failed on ${e.event}: ${reasonText(e.reason)}.`,
  remedy: (e) =>
    `Check its command under hooks.${e.hook} in deploy.yml. Its \`required\` key decides whether jiji fails too.`,
  exitCode: "failed",
  sample: { hook: "slack", event: "run.started", reason: { _tag: "TimedOut", seconds: 30 } }
}) {}

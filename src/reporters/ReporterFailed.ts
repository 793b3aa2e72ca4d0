import { Cause, Effect, Schema } from "effect"
import { defineError } from "../core/defineError.ts"
import { messageOf } from "../core/errorText.ts"
import { oneLine } from "../core/text.ts"
import { Notices } from "./Notices.ts"

/** Something that shows or stores a run failed. The run continues. */
export class ReporterFailed extends defineError<ReporterFailed>()("ReporterFailed", {
  fields: { reason: Schema.String },
  message: (e) => `Part of the output of this run is missing, because a reporter failed: ${e.reason}`,
  remedy: "The run itself is not affected. This is a bug in jiji: please report it with this message.",
  exitCode: "failed",
  sample: { reason: "EIO: i/o error, write" }
}) {}

const failureOf = (cause: Cause.Cause<unknown>): ReporterFailed =>
  new ReporterFailed({ reason: oneLine(messageOf(Cause.squash(cause))) })

const warn = ({ message, remedy }: ReporterFailed): Effect.Effect<void> =>
  Effect.map(Notices, ({ print }) => {
    print(`warning: ${message}`)
    print(`  → ${remedy}`)
  })

/** Warns on stderr that a reporter failed, unless {@link reporterCalls} has already done so. */
export const warnReporterFailed = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Cause.hasInterruptsOnly(cause) || Cause.squash(cause) instanceof ReporterFailed ? Effect.void : warn(failureOf(cause))

/** The calls of one reporter. If one throws, a warning says so once, and the next calls still run. */
export const reporterCalls = () => {
  let failure: ReporterFailed | undefined
  return {
    call: (work: () => void): Effect.Effect<void> =>
      Effect.catchCause(Effect.sync(work), (cause) => {
        if (failure !== undefined) return Effect.void
        failure = failureOf(cause)
        return warn(failure)
      }),
    /** Dies with the first failure, if there was one. */
    end: Effect.suspend(() => (failure === undefined ? Effect.void : Effect.die(failure)))
  }
}

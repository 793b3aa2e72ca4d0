import { Schema } from "effect"
import { defineError } from "../../core/defineError.ts"
import { atPlace } from "../../core/errorText.ts"

/** Something in this process would end it while a pipeline runs: `process.exit` above all. */
export class ExitCalled extends defineError<ExitCalled>()("ExitCalled", {
  fields: {
    /** What it would have ended the process with. */
    status: Schema.Int,
    /** Whether it could be kept from that. */
    refused: Schema.Boolean,
    /** `FILE:LINE` of the call, where that is known. */
    at: Schema.optionalKey(Schema.String)
  },
  message: ({ refused, status, at }) => {
    if (!refused) return `Something ended jiji in the middle of the run, with the exit code ${status}.`
    return `process.exit(${status}) was called in the middle of the run${atPlace(at)}.`
  },
  remedy: "Let the step fail in place of that: `Effect.fail`.",
  exitCode: "failed",
  sample: { status: 0, refused: true, at: "/home/me/shop/.jiji/pipelines/canary.ts:12" }
}) {}

/** An error came up where no step waited for it. */
export class NobodyCaught extends defineError<NobodyCaught>()("NobodyCaught", {
  fields: {
    thing: Schema.Literals(["error", "rejection"]),
    text: Schema.String,
    /** `FILE:LINE` that it comes from, where that is known. */
    at: Schema.optionalKey(Schema.String)
  },
  message: ({ thing, text, at }) => {
    const what = thing === "error" ? "Thrown where no step waited for it" : "A promise that no step waited for failed"
    return `${what}: ${text}${atPlace(at)}`
  },
  remedy: "Wait in a step for all that it begins: `Effect.promise` for a promise, `Effect.callback` for a callback.",
  exitCode: "failed",
  sample: { thing: "rejection", text: "fetch failed", at: "/home/me/shop/.jiji/pipelines/canary.ts:12" }
}) {}

/** Nothing is left that could bring the run to its end. */
export class NothingLeft extends defineError<NothingLeft>()("NothingLeft", {
  fields: {},
  message: "The run waits for something that cannot happen any more.",
  remedy: "Look for a promise or a callback in a step that is never settled or called.",
  exitCode: "failed",
  sample: {}
}) {}

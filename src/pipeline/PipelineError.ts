import { Duration, Schema } from "effect"
import { defineError } from "../core/defineError.ts"

/** A step took longer than the time it was given. */
export class StepTimedOut extends defineError<StepTimedOut>()("StepTimedOut", {
  fields: {
    /** Where the step stands in the run. */
    path: Schema.String,
    millis: Schema.Finite
  },
  message: ({ path, millis }) =>
    `${path} took longer than ${Duration.format(Duration.millis(millis))}, and was stopped.`,
  remedy: "Look at its last lines for what it waited for, or give it more time where its pipeline is made.",
  exitCode: "failed",
  sample: { path: "deploy/servers[web1]/smoke", millis: 90_000 }
}) {}

/** A pipeline was to be changed at a path where it has no node. */
export class NoSuchNode extends defineError<NoSuchNode>()("NoSuchNode", {
  fields: {
    path: Schema.String,
    /** The paths that there are. */
    paths: Schema.Array(Schema.String)
  },
  message: ({ path }) => `The pipeline has no node ${path}.`,
  remedy: ({ paths }) => `Take one of these: ${paths.join(", ")}.`,
  exitCode: "failed",
  sample: { path: "deploy/servers/pul", paths: ["deploy/servers", "deploy/servers/pull"] }
}) {}

/** Two nodes of a pipeline would have the same path, so that nobody could tell them apart. */
export class DuplicatePath extends defineError<DuplicatePath>()("DuplicatePath", {
  fields: { path: Schema.String },
  message: ({ path }) => `The pipeline has two nodes with the path ${path}.`,
  remedy: "Give one of them another name.",
  exitCode: "failed",
  sample: { path: "deploy/servers/pull" }
}) {}

/** What a pipeline's author does on an event failed. The run goes on, and says so as a warning. */
export class SubscriberFailed extends defineError<SubscriberFailed>()("SubscriberFailed", {
  fields: {
    /** The event that it was told of. */
    event: Schema.String,
    reason: Schema.String,
    /** `FILE:LINE` of what failed, where that is known. */
    at: Schema.optionalKey(Schema.String)
  },
  message: (e) => {
    const at = e.at === undefined ? "" : ` at ${e.at}`
    return `what is told of ${e.event} failed${at}, and is told of the next one all the same: ${e.reason}`
  },
  remedy: "Correct what `Pipeline.on` was given for that event.",
  exitCode: "failed",
  sample: { event: "StepFailed", reason: "Unable to connect", at: "/home/me/shop/.jiji/pipelines/canary.ts:12" }
}) {}

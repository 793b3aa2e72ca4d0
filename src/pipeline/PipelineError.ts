import { Duration, Schema } from "effect"
import { ExitCode } from "../core/Failure.ts"

/** A step did not finish within its timeout. */
export class StepTimedOut extends Schema.TaggedError<StepTimedOut>()("StepTimedOut", {
  /** The path of the step. */
  path: Schema.String,
  millis: Schema.Finite
}) {
  override get message() {
    return `${this.path} took longer than ${Duration.format(Duration.millis(this.millis))}, and was stopped.`
  }
  readonly remedy = "Look at its last lines for what it waited for, or give it more time where its pipeline is made."
  readonly exitCode = ExitCode.failed
}

/** The pipeline to edit has no node at the path. */
export class NoSuchNode extends Schema.TaggedError<NoSuchNode>()("NoSuchNode", {
  path: Schema.String,
  /** The existing paths. */
  paths: Schema.Array(Schema.String)
}) {
  override get message() {
    return `The pipeline has no node ${this.path}.`
  }
  get remedy() {
    return `Take one of these: ${this.paths.join(", ")}.`
  }
  readonly exitCode = ExitCode.failed
}

/** Two nodes of a pipeline have the same path. */
export class DuplicatePath extends Schema.TaggedError<DuplicatePath>()("DuplicatePath", { path: Schema.String }) {
  override get message() {
    return `The pipeline has two nodes with the path ${this.path}.`
  }
  readonly remedy = "Give one of them another name."
  readonly exitCode = ExitCode.failed
}

/** A handler passed to `Pipeline.on` failed. Only published as a warning; the run continues. */
export class SubscriberFailed extends Schema.TaggedError<SubscriberFailed>()("SubscriberFailed", {
  /** The tag of the event that was handled. */
  event: Schema.String,
  reason: Schema.String,
  /** `FILE:LINE` of the failure, if known. */
  at: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const at = this.at === undefined ? "" : ` at ${this.at}`
    return `what is told of ${this.event} failed${at}, and is told of the next one all the same: ${this.reason}`
  }
  readonly remedy = "Correct what `Pipeline.on` was given for that event."
  readonly exitCode = ExitCode.failed
}

import { Duration, Schema } from "effect"
import { ExitCode } from "../core/Failure.ts"

/** A step took longer than the time it was given. */
export class StepTimedOut extends Schema.TaggedError<StepTimedOut>()("StepTimedOut", {
  /** Where the step stands in the run. */
  path: Schema.String,
  millis: Schema.Finite
}) {
  override get message() {
    return `${this.path} took longer than ${Duration.format(Duration.millis(this.millis))}, and was stopped.`
  }
  readonly remedy = "Look at its last lines for what it waited for, or give it more time where its pipeline is made."
  readonly exitCode = ExitCode.failed
}

/** A pipeline was to be changed at a path where it has no node. */
export class NoSuchNode extends Schema.TaggedError<NoSuchNode>()("NoSuchNode", {
  path: Schema.String,
  /** The paths that there are. */
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

/** Two nodes of a pipeline would have the same path, so that nobody could tell them apart. */
export class DuplicatePath extends Schema.TaggedError<DuplicatePath>()("DuplicatePath", { path: Schema.String }) {
  override get message() {
    return `The pipeline has two nodes with the path ${this.path}.`
  }
  readonly remedy = "Give one of them another name."
  readonly exitCode = ExitCode.failed
}

/** What a pipeline's author does on an event failed. The run goes on, and says so as a warning. */
export class SubscriberFailed extends Schema.TaggedError<SubscriberFailed>()("SubscriberFailed", {
  /** The event that it was told of. */
  event: Schema.String,
  reason: Schema.String,
  /** `FILE:LINE` of what failed, where that is known. */
  at: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const at = this.at === undefined ? "" : ` at ${this.at}`
    return `what is told of ${this.event} failed${at}, and is told of the next one all the same: ${this.reason}`
  }
  readonly remedy = "Correct what `Pipeline.on` was given for that event."
  readonly exitCode = ExitCode.failed
}

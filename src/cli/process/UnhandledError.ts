import { Schema } from "effect"
import { ExitCode } from "../../core/Failure.ts"
import { locationSuffix } from "../../core/errorText.ts"

/** Something in this process would end it while a pipeline runs: `process.exit` above all. */
export class ExitCalled extends Schema.TaggedError<ExitCalled>()("ExitCalled", {
  /** What it would have ended the process with. */
  status: Schema.Int,
  /** Whether it could be kept from that. */
  refused: Schema.Boolean,
  /** `FILE:LINE` of the call, where that is known. */
  at: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    if (!this.refused) return `Something ended jiji in the middle of the run, with the exit code ${this.status}.`
    return `process.exit(${this.status}) was called in the middle of the run${locationSuffix(this.at)}.`
  }
  readonly remedy = "Let the step fail in place of that: `Effect.fail`."
  readonly exitCode = ExitCode.failed
}

/** An error came up where no step waited for it. */
export class NobodyCaught extends Schema.TaggedError<NobodyCaught>()("NobodyCaught", {
  thing: Schema.Literals(["error", "rejection"]),
  text: Schema.String,
  /** `FILE:LINE` that it comes from, where that is known. */
  at: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const what =
      this.thing === "error" ? "Thrown where no step waited for it" : "A promise that no step waited for failed"
    return `${what}: ${this.text}${locationSuffix(this.at)}`
  }
  readonly remedy =
    "Wait in a step for all that it begins: `Effect.promise` for a promise, `Effect.callback` for a callback."
  readonly exitCode = ExitCode.failed
}

/** Nothing is left that could bring the run to its end. */
export class NothingLeft extends Schema.TaggedError<NothingLeft>()("NothingLeft", {}) {
  override get message() {
    return "The run waits for something that cannot happen any more."
  }
  readonly remedy = "Look for a promise or a callback in a step that is never settled or called."
  readonly exitCode = ExitCode.failed
}

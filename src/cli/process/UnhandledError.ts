import { Schema } from "effect"
import { defineError } from "../../core/defineError.ts"
import { locationSuffix, Location } from "../../core/errorText.ts"

/** Code in the jiji process called `process.exit` during a run, or ended it in another way. */
export class ExitCalled extends defineError<ExitCalled>()("ExitCalled", {
  fields: { status: Schema.Int, refused: Schema.Boolean, at: Location },
  message: (e) =>
    e.refused
      ? `process.exit(${e.status}) was called during the run${locationSuffix(e.at)}.`
      : `Something ended jiji during the run, with exit code ${e.status}.`,
  remedy: "Let the step fail instead: `Effect.fail`.",
  exitCode: "failed",
  sample: { status: 0, refused: true, at: "/home/me/shop/.jiji/pipelines/canary.ts:12" }
}) {}

/** An error occurred outside any step, so jiji cannot say which step caused it. */
export class UnhandledError extends defineError<UnhandledError>()("UnhandledError", {
  fields: { thing: Schema.Literals(["error", "rejection"]), text: Schema.String, at: Location },
  message: (e) =>
    `${e.thing === "error" ? "Uncaught error" : "Unhandled promise rejection"}: ${e.text}${locationSuffix(e.at)}`,
  remedy:
    "Wait in a step for everything that it starts: `Effect.promise` for a promise, `Effect.callback` for a callback.",
  exitCode: "failed",
  sample: { thing: "rejection", text: "fetch failed", at: "/home/me/shop/.jiji/pipelines/canary.ts:12" }
}) {}

/** The run waits, but nothing in the process can complete it any more. */
export class RunStuck extends defineError<RunStuck>()("RunStuck", {
  fields: {},
  message: "The run is stuck: it waits for something that can no longer happen.",
  remedy: "Look in the steps for a promise that never settles or a callback that is never called.",
  exitCode: "failed",
  sample: {}
}) {}

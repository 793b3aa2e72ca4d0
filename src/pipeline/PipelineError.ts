import { Duration, Schema } from "effect"
import { joinWords } from "../core/text.ts"
import { defineError } from "../core/defineError.ts"
import { locationSuffix, Location } from "../core/errorText.ts"

/** A step took longer than its time limit. */
export class StepTimedOut extends defineError<StepTimedOut>()("StepTimedOut", {
  fields: { path: Schema.String, millis: Schema.Finite },
  message: (e) => `${e.path} took longer than ${Duration.format(Duration.millis(e.millis))} and was stopped.`,
  remedy: "Check its last output lines to see what it waited for, or raise its time limit in the pipeline.",
  exitCode: "failed",
  sample: { path: "deploy/servers[web1]/smoke", millis: 90_000 }
}) {}

/** A pipeline has no node at the path of an edit. */
export class NoSuchNode extends defineError<NoSuchNode>()("NoSuchNode", {
  /** `call` is the path of a call above `path`, if a function chooses the pipeline that it calls. */
  fields: { path: Schema.String, paths: Schema.Array(Schema.String), call: Schema.optionalKey(Schema.String) },
  message: (e) =>
    e.call === undefined
      ? `The pipeline has no node ${e.path}.`
      : `The pipeline has no node ${e.path} yet: the call ${e.call} chooses its pipeline when it starts.`,
  remedy: (e) =>
    e.call === undefined
      ? `Use one of these paths: ${e.paths.join(", ")}.`
      : "Edit the pipeline that the function of the call returns, or replace the call.",
  exitCode: "failed",
  sample: [
    { path: "deploy/servers/pul", paths: ["deploy/servers", "deploy/servers/pull"] },
    { path: "release/notify/send", paths: ["release/notify"], call: "release/notify" }
  ]
}) {}

/** Only a forEach has a strategy. */
export class NotAForEach extends defineError<NotAForEach>()("NotAForEach", {
  fields: { path: Schema.String, paths: Schema.Array(Schema.String) },
  message: (e) => `${e.path} is not a forEach, so it has no strategy.`,
  remedy: (e) =>
    e.paths.length === 0 ? "This pipeline has no forEach." : `Use one of these paths: ${e.paths.join(", ")}.`,
  exitCode: "failed",
  sample: { path: "deploy/version", paths: ["deploy/servers", "deploy/servers/services"] }
}) {}

/** Calls whose pipelines are chosen when they start are nested too deeply, perhaps without an end. */
export class CallsTooDeep extends defineError<CallsTooDeep>()("CallsTooDeep", {
  fields: { path: Schema.String, limit: Schema.Int },
  message: (e) => `The call ${e.path} is nested in ${e.limit} other calls, which is the limit.`,
  remedy: "Check that the recursion ends: put the call into `Pipeline.when` or `Pipeline.choose`.",
  exitCode: "failed",
  sample: { path: "tree/child/child/child", limit: 100 }
}) {}

/** Two nodes of a pipeline have the same path. */
export class DuplicatePath extends defineError<DuplicatePath>()("DuplicatePath", {
  fields: { path: Schema.String },
  message: (e) => `The pipeline has two nodes with the path ${e.path}.`,
  remedy: "Rename one of them.",
  exitCode: "failed",
  sample: { path: "deploy/servers/pull" }
}) {}

/** The name of a step, pipeline or forEach cannot be part of a path. */
export class InvalidName extends defineError<InvalidName>()("InvalidName", {
  fields: { name: Schema.String },
  message: (e) =>
    e.name.trim() === ""
      ? `A step, pipeline or forEach has an empty name (${JSON.stringify(e.name)}).`
      : `The name ${JSON.stringify(e.name)} contains a slash, a square bracket or a control character.`,
  remedy: "Use a name of letters, digits, spaces and dashes. To group nodes, put them into a pipeline.",
  exitCode: "failed",
  sample: { name: "servers/pull" }
}) {}

/** A number in the strategy of a forEach is not a count. */
export class InvalidStrategy extends defineError<InvalidStrategy>()("InvalidStrategy", {
  fields: { node: Schema.String, option: Schema.String, value: Schema.String },
  message: (e) => `The strategy of the forEach ${JSON.stringify(e.node)} has \`${e.option}: ${e.value}\`.`,
  remedy: "Use a whole number, 1 or more.",
  exitCode: "failed",
  sample: { node: "servers", option: "batch", value: "0" }
}) {}

/** Items of a forEach wait for each other in a circle. */
export class CircularOrder extends defineError<CircularOrder>()("CircularOrder", {
  fields: { node: Schema.String, keys: Schema.Array(Schema.String) },
  message: (e) =>
    `Items of the forEach ${JSON.stringify(e.node)} wait for each other: ${[...e.keys, ...e.keys.slice(0, 1)].join(" → ")}.`,
  remedy: "Change the `after` of the forEach so that one of them waits for none of the others.",
  exitCode: "failed",
  sample: { node: "services", keys: ["web", "db"] }
}) {}

/** A step without a result schema was wrapped in `Step.cached`. */
export class ResultMissing extends defineError<ResultMissing>()("ResultMissing", {
  fields: { step: Schema.String },
  message: (e) => `The step ${JSON.stringify(e.step)} cannot be cached: it has no \`result\` schema.`,
  remedy: "Pass the schema of what the step adds to `Step.make`: `{ result: Schema.Struct({ … }) }`.",
  exitCode: "failed",
  sample: { step: "compile" }
}) {}

/** A function of a pipeline failed because it read a key that the pipeline's state does not have. */
export class StateIncomplete extends defineError<StateIncomplete>()("StateIncomplete", {
  fields: { what: Schema.String, keys: Schema.Array(Schema.String), reason: Schema.String, at: Location },
  message: (e) => {
    const keys = joinWords(
      e.keys.map((key) => `\`${key}\``),
      "or"
    )
    return `The pipeline's state has no ${keys} for ${e.what}: ${e.reason}${locationSuffix(e.at)}`
  },
  remedy: (e) =>
    `\`jiji run\` provides only \`project\` and the pipeline's flags. Add \`${e.keys[0] ?? ""}\` in an earlier step, with \`Pipeline.forEach\`, or as a flag. Use \`Runnable.make\`: then \`tsc\` finds what is missing.`,
  exitCode: "failed",
  sample: {
    what: 'the step "connect"',
    keys: ["server"],
    reason: "Right side of assignment cannot be destructured"
  }
}) {}

/** An event handler of a pipeline failed. The run continues and shows a warning. */
export class SubscriberFailed extends defineError<SubscriberFailed>()("SubscriberFailed", {
  fields: { event: Schema.String, reason: Schema.String, at: Location },
  message: (e) =>
    `The handler of ${e.event} failed${locationSuffix(e.at)}, but still receives later events: ${e.reason}`,
  remedy: "Fix the function that `Pipeline.on` was given for this event.",
  exitCode: "failed",
  sample: { event: "StepFailed", reason: "Unable to connect", at: "/home/me/shop/.jiji/pipelines/canary.ts:12" }
}) {}

/** A resumed run cannot read the stored result of a step that has completed before. */
export class StoredResultUnreadable extends defineError<StoredResultUnreadable>()("StoredResultUnreadable", {
  fields: { path: Schema.String, reason: Schema.String },
  message: (e) =>
    `The stored result of ${e.path} does not fit the step's schema: ${e.reason.replaceAll(/\s*\n\s*/g, " ")}`,
  remedy: "The step has changed since. Undo that change to resume the run, or start a new run.",
  exitCode: "failed",
  sample: { path: "release/build", reason: 'Missing key at ["digest"]' }
}) {}

/** Nobody has sent the signal that a step waits for. */
export class SignalMissing extends defineError<SignalMissing>()("SignalMissing", {
  fields: { path: Schema.String, name: Schema.String, millis: Schema.Finite },
  message: (e) =>
    `${e.path} got no signal ${JSON.stringify(e.name)} within ${Duration.format(Duration.millis(e.millis))}.`,
  remedy: "Start the run again and send the signal in time with `jiji signal`, or raise `within` of `Step.waitFor`.",
  exitCode: "failed",
  sample: { path: "release/approved", name: "approved", millis: 86_400_000 }
}) {}

/** Nobody can send the signal that a step waits for. */
export class SignalUnanswered extends defineError<SignalUnanswered>()("SignalUnanswered", {
  fields: { path: Schema.String, name: Schema.String },
  message: (e) => `${e.path} waits for the signal ${JSON.stringify(e.name)}, and nobody can send it here.`,
  remedy: (e) =>
    `In a rehearsal, add \`Answer.signal(${JSON.stringify(e.name)}, value)\`. For --dry-run, give \`Step.waitFor\` the option \`dryRun\`. A run that a step has started gets no signals: wait in the outer pipeline.`,
  exitCode: "failed",
  sample: { path: "release/approved", name: "approved" }
}) {}

import { Schema } from "effect"
import { ErrorTag, MachineName, NodeName, Structure, Text } from "./scrubSchema.ts"

/** The fields of every event: its number in the stream, the run's id, the time (epoch milliseconds) and the node's path. */
const stamp = {
  seq: Schema.Int,
  run: Structure,
  time: Schema.Int,
  // `Events.publish` scrubs the parts of a path one by one.
  path: Structure
}

/** The kind of a node. A `pipeline`, `forEach` or `item` (of a forEach) contains other nodes. An `undo` has the path `STEP/undo`. */
export const NodeKind = Schema.Literals(["step", "pipeline", "forEach", "item", "undo"])
export type NodeKind = typeof NodeKind.Type

/** A failure in an event: the error's tag, message and remedy. A defect (an unexpected exception) has the tag `Defect`. */
export const FailureRecord = Schema.Struct({ tag: ErrorTag, message: Text, remedy: Text })
export type FailureRecord = typeof FailureRecord.Type

/** A run started. `version` is the version of the event format. A dry run has `dryRun`. A nested run has its `parent`'s ID. `resumes` is the ID of the run that it continues. */
export const RunStarted = Schema.TaggedStruct("RunStarted", {
  ...stamp,
  version: Schema.Literal(1),
  name: NodeName,
  dryRun: Schema.optionalKey(Schema.Literal(true)),
  parent: Schema.optionalKey(Structure),
  resumes: Schema.optionalKey(Structure)
})
/** A node started. */
export const StepStarted = Schema.TaggedStruct("StepStarted", { ...stamp, kind: NodeKind })
/** A command wrote a line. `machine` is where the command runs. */
export const StepOutput = Schema.TaggedStruct("StepOutput", {
  ...stamp,
  machine: MachineName,
  stream: Schema.Literals(["stdout", "stderr"]),
  line: Text
})
/** Bytes transferred so far, and the `total` if known. Published a few times per second; the last one has the final count. */
export const StepProgress = Schema.TaggedStruct("StepProgress", {
  ...stamp,
  label: Text,
  bytes: Schema.Int,
  total: Schema.optionalKey(Schema.Int)
})
/** A message from a node: what it found or decided. */
export const StepNoted = Schema.TaggedStruct("StepNoted", {
  ...stamp,
  level: Schema.Literals(["info", "warning"]),
  text: Text
})
/** An attempt failed and the step or pipeline will retry in `millis`. `attempt` counts the failed attempts, starting at 1. */
export const StepRetried = Schema.TaggedStruct("StepRetried", {
  ...stamp,
  attempt: Schema.Int,
  millis: Schema.Int,
  failures: Schema.Array(FailureRecord)
})
/** A node was skipped: it had nothing to do, its result was cached, its condition was false, or (for an item) another item or what it waits for had failed. With `resumed`, the run that this one continues had skipped it. */
export const StepSkipped = Schema.TaggedStruct("StepSkipped", {
  ...stamp,
  kind: NodeKind,
  reason: Text,
  millis: Schema.Int,
  result: Schema.optionalKey(Schema.Unknown),
  resumed: Schema.optionalKey(Schema.Literal(true))
})
/** A node succeeded. `result` is the step's result, encoded with its schema, if it has one. With `resumed`, the step did not run again: the run that this one continues had completed it. */
export const StepSucceeded = Schema.TaggedStruct("StepSucceeded", {
  ...stamp,
  kind: NodeKind,
  millis: Schema.Int,
  result: Schema.optionalKey(Schema.Unknown),
  resumed: Schema.optionalKey(Schema.Literal(true))
})
/** A node failed. A pipeline, forEach or item fails with the failures of the nodes in it. */
export const StepFailed = Schema.TaggedStruct("StepFailed", {
  ...stamp,
  kind: NodeKind,
  millis: Schema.Int,
  failures: Schema.Array(FailureRecord)
})
/** A node was interrupted by a signal, or because a node running in parallel failed. */
export const StepInterrupted = Schema.TaggedStruct("StepInterrupted", { ...stamp, kind: NodeKind, millis: Schema.Int })
/** In a dry run: a command that a node would run on `machine`. `byHand` has what a person would type instead of a script. */
export const CommandPlanned = Schema.TaggedStruct("CommandPlanned", {
  ...stamp,
  machine: MachineName,
  text: Text,
  words: Schema.Array(Text),
  script: Schema.optionalKey(Structure),
  byHand: Schema.optionalKey(Schema.Array(Schema.Array(Text))),
  env: Schema.Array(Text),
  stdin: Schema.Boolean
})
/** In a dry run, an action that is not a command: a connection, a forwarded port, an imported image or a served registry. */
export const ActionPlanned = Schema.TaggedStruct("ActionPlanned", {
  ...stamp,
  machine: MachineName,
  action: Schema.Literals(["connect", "forward", "import", "serve"]),
  text: Text,
  port: Schema.optionalKey(Schema.Int),
  image: Schema.optionalKey(Text)
})
/** A node acquired a resource, such as a connection, a tunnel or a server. */
export const ResourceAcquired = Schema.TaggedStruct("ResourceAcquired", { ...stamp, resource: Text })
/** A resource was released. `clean` is false if the release failed or timed out. */
export const ResourceReleased = Schema.TaggedStruct("ResourceReleased", {
  ...stamp,
  resource: Text,
  clean: Schema.Boolean
})
/** The run succeeded. This is the last event of the run. */
export const RunSucceeded = Schema.TaggedStruct("RunSucceeded", { ...stamp, millis: Schema.Int })
/** The run failed, with the failures of its nodes. This is the last event of the run. */
export const RunFailed = Schema.TaggedStruct("RunFailed", {
  ...stamp,
  millis: Schema.Int,
  failures: Schema.Array(FailureRecord)
})
/** Something that a suspended run waits for: a signal, a time in epoch milliseconds, or whichever comes first. */
export const RunWait = Schema.Struct({
  path: Text,
  signal: Schema.optionalKey(Text),
  until: Schema.optionalKey(Schema.Int)
})
export type RunWait = typeof RunWait.Type

/** The run was interrupted, for example by a signal. This is the last event of the run. With `waits`, `jiji serve` has suspended it: nothing was undone, and another run goes on with it when one of these signals or times has come. */
export const RunInterrupted = Schema.TaggedStruct("RunInterrupted", {
  ...stamp,
  millis: Schema.Int,
  waits: Schema.optionalKey(Schema.Array(RunWait))
})

/**
 * Something that happened in a run. Reporters, hooks and the run history are all built from the stream of events.
 *
 * `seq` counts all events of the process, from 1 and without gaps. The events of one run alone have gaps where a nested run
 * has its events. Every node that starts ends with exactly one StepSucceeded, StepSkipped, StepFailed or StepInterrupted.
 * Every acquired resource is released exactly once.
 */
export const Event = Schema.Union([
  RunStarted,
  StepStarted,
  StepOutput,
  StepProgress,
  StepNoted,
  StepRetried,
  StepSkipped,
  StepSucceeded,
  StepFailed,
  StepInterrupted,
  CommandPlanned,
  ActionPlanned,
  ResourceAcquired,
  ResourceReleased,
  RunSucceeded,
  RunFailed,
  RunInterrupted
])
export type Event = typeof Event.Type

/** Returns true if the event is the last one of its run. */
export const isEnd = <E extends Pick<Event, "_tag">>(
  event: E
): event is Extract<E, { readonly _tag: "RunSucceeded" | "RunFailed" | "RunInterrupted" }> =>
  event._tag === "RunSucceeded" || event._tag === "RunFailed" || event._tag === "RunInterrupted"

type WithoutStamp<E> = E extends Event ? Omit<E, keyof typeof stamp> : never

/** An event without `seq`, `run`, `time` and `path`, which `Events.publish` adds when it publishes it. */
export type EventBody = WithoutStamp<Event>

import { Schema } from "effect"

/** In every event: its position in the run, the run, the time (epoch milliseconds) and the path of its node. */
const stamp = {
  seq: Schema.Int,
  run: Schema.String,
  time: Schema.Int,
  path: Schema.String
}

/** A step, a composition that contains other nodes, or the undo of a step, whose path is `STEP/undo`. */
export const NodeKind = Schema.Literals(["step", "pipeline", "forEach", "item", "undo"])
export type NodeKind = typeof NodeKind.Type

/** A failure as data: the error's tag and texts, or a defect's message. */
export const FailureRecord = Schema.Struct({ tag: Schema.String, message: Schema.String, remedy: Schema.String })
export type FailureRecord = typeof FailureRecord.Type

/** A run starts. `version` is the version of this format. */
export const RunStarted = Schema.TaggedStruct("RunStarted", {
  ...stamp,
  version: Schema.Literal(1),
  name: Schema.String
})
/** A node starts. */
export const StepStarted = Schema.TaggedStruct("StepStarted", { ...stamp, kind: NodeKind })
/** A command printed one line, on the machine it runs on. */
export const StepOutput = Schema.TaggedStruct("StepOutput", {
  ...stamp,
  machine: Schema.String,
  stream: Schema.Literals(["stdout", "stderr"]),
  line: Schema.String
})
/** Bytes moved so far, of `total` if that is known. A few times a second at most; the last one has the final number. */
export const StepProgress = Schema.TaggedStruct("StepProgress", {
  ...stamp,
  label: Schema.String,
  bytes: Schema.Int,
  total: Schema.optionalKey(Schema.Int)
})
/** A node reports in one sentence what it found or decided. */
export const StepNoted = Schema.TaggedStruct("StepNoted", {
  ...stamp,
  level: Schema.Literals(["info", "warning"]),
  text: Schema.String
})
/** An attempt failed (the first is `attempt` 1), and the next one starts after `millis`. */
export const StepRetried = Schema.TaggedStruct("StepRetried", {
  ...stamp,
  attempt: Schema.Int,
  millis: Schema.Int,
  failures: Schema.Array(FailureRecord)
})
/** A step had nothing to do, or an item was not started. */
export const StepSkipped = Schema.TaggedStruct("StepSkipped", {
  ...stamp,
  kind: NodeKind,
  reason: Schema.String,
  millis: Schema.Int,
  result: Schema.optionalKey(Schema.Unknown)
})
/** A node succeeded. `result` is the step's result, encoded by its schema. */
export const StepSucceeded = Schema.TaggedStruct("StepSucceeded", {
  ...stamp,
  kind: NodeKind,
  millis: Schema.Int,
  result: Schema.optionalKey(Schema.Unknown)
})
/** A node failed. A composition fails with the failures of its nodes. */
export const StepFailed = Schema.TaggedStruct("StepFailed", {
  ...stamp,
  kind: NodeKind,
  millis: Schema.Int,
  failures: Schema.Array(FailureRecord)
})
/** A node was stopped before it ended, by a signal or because another node failed. */
export const StepInterrupted = Schema.TaggedStruct("StepInterrupted", { ...stamp, kind: NodeKind, millis: Schema.Int })
/** A resource was acquired: a connection, a tunnel, a server. */
export const ResourceAcquired = Schema.TaggedStruct("ResourceAcquired", { ...stamp, resource: Schema.String })
/** A resource was released. `clean` is false if that took too long and jiji gave up. */
export const ResourceReleased = Schema.TaggedStruct("ResourceReleased", {
  ...stamp,
  resource: Schema.String,
  clean: Schema.Boolean
})
/** The run succeeded. This is its last event. */
export const RunSucceeded = Schema.TaggedStruct("RunSucceeded", { ...stamp, millis: Schema.Int })
/** The run failed, with the failures of its nodes. This is its last event. */
export const RunFailed = Schema.TaggedStruct("RunFailed", {
  ...stamp,
  millis: Schema.Int,
  failures: Schema.Array(FailureRecord)
})
/** The run was stopped, for example by a signal. This is its last event. */
export const RunInterrupted = Schema.TaggedStruct("RunInterrupted", { ...stamp, millis: Schema.Int })

/**
 * One fact about a run. Everything that jiji shows or stores about a run comes from the stream of events.
 *
 * `seq` counts from 1 without gaps within a run. Every started node ends exactly once, with StepSucceeded, StepSkipped,
 * StepFailed or StepInterrupted; every acquired resource is released exactly once.
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
  ResourceAcquired,
  ResourceReleased,
  RunSucceeded,
  RunFailed,
  RunInterrupted
])
export type Event = typeof Event.Type

/** Whether an event is its run's last. */
export const isEnd = (
  event: Event
): event is typeof RunSucceeded.Type | typeof RunFailed.Type | typeof RunInterrupted.Type =>
  event._tag === "RunSucceeded" || event._tag === "RunFailed" || event._tag === "RunInterrupted"

type WithoutStamp<E> = E extends Event ? Omit<E, keyof typeof stamp> : never

/** An event before it is stamped with its order, run, time and path. */
export type EventBody = WithoutStamp<Event>

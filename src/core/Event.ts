import { Schema } from "effect"

/** What every event carries: its place in the order of the run, the run, the time (epoch milliseconds) and its node's path. */
const stamp = {
  seq: Schema.Int,
  run: Schema.String,
  time: Schema.Int,
  path: Schema.String
}

/** What a node is: a step, one of the compositions that hold other nodes, or a step's undo, whose path is `STEP/undo`. */
export const NodeKind = Schema.Literals(["step", "pipeline", "forEach", "item", "undo"])
export type NodeKind = typeof NodeKind.Type

/** A failure as it is written down: the error's tag and texts, or a defect's message. */
export const FailureRecord = Schema.Struct({ tag: Schema.String, message: Schema.String, remedy: Schema.String })
export type FailureRecord = typeof FailureRecord.Type

/** A run begins. `version` is the version of this union. */
export const RunStarted = Schema.TaggedStruct("RunStarted", {
  ...stamp,
  version: Schema.Literal(1),
  name: Schema.String
})
/** A node begins. */
export const StepStarted = Schema.TaggedStruct("StepStarted", { ...stamp, kind: NodeKind })
/** One line that a command wrote, on the machine it ran on. */
export const StepOutput = Schema.TaggedStruct("StepOutput", {
  ...stamp,
  machine: Schema.String,
  stream: Schema.Literals(["stdout", "stderr"]),
  line: Schema.String
})
/** Bytes moved so far, of `total` where that is known. Comes a few times a second at most; the last is what it came to. */
export const StepProgress = Schema.TaggedStruct("StepProgress", {
  ...stamp,
  label: Schema.String,
  bytes: Schema.Int,
  total: Schema.optionalKey(Schema.Int)
})
/** One sentence about what the node found or decided. */
export const StepNoted = Schema.TaggedStruct("StepNoted", {
  ...stamp,
  level: Schema.Literals(["info", "warning"]),
  text: Schema.String
})
/** An attempt failed, the first with `attempt` 1, and the next begins after `millis`. */
export const StepRetried = Schema.TaggedStruct("StepRetried", {
  ...stamp,
  attempt: Schema.Int,
  millis: Schema.Int,
  failures: Schema.Array(FailureRecord)
})
/** A step ended without doing its work, because there was none to do, or an item was not begun. */
export const StepSkipped = Schema.TaggedStruct("StepSkipped", {
  ...stamp,
  kind: NodeKind,
  reason: Schema.String,
  millis: Schema.Int,
  result: Schema.optionalKey(Schema.Unknown)
})
/** A node ended well. `result` is what its step describes by a Schema, encoded. */
export const StepSucceeded = Schema.TaggedStruct("StepSucceeded", {
  ...stamp,
  kind: NodeKind,
  millis: Schema.Int,
  result: Schema.optionalKey(Schema.Unknown)
})
/** A node failed; a composition fails with what the nodes in it failed with. */
export const StepFailed = Schema.TaggedStruct("StepFailed", {
  ...stamp,
  kind: NodeKind,
  millis: Schema.Int,
  failures: Schema.Array(FailureRecord)
})
/** A node was stopped before it ended: by a signal, or because its neighbour failed. */
export const StepInterrupted = Schema.TaggedStruct("StepInterrupted", { ...stamp, kind: NodeKind, millis: Schema.Int })
/** Something is held from here on: a connection, a tunnel, a server. */
export const ResourceAcquired = Schema.TaggedStruct("ResourceAcquired", { ...stamp, resource: Schema.String })
/** It was given back; `clean` is false where that took too long and was given up. */
export const ResourceReleased = Schema.TaggedStruct("ResourceReleased", {
  ...stamp,
  resource: Schema.String,
  clean: Schema.Boolean
})
/** The run ended well; nothing comes after it. */
export const RunSucceeded = Schema.TaggedStruct("RunSucceeded", { ...stamp, millis: Schema.Int })
/** The run failed, with what its nodes failed with; nothing comes after it. */
export const RunFailed = Schema.TaggedStruct("RunFailed", {
  ...stamp,
  millis: Schema.Int,
  failures: Schema.Array(FailureRecord)
})
/** The run was stopped, by a signal for one; nothing comes after it. */
export const RunInterrupted = Schema.TaggedStruct("RunInterrupted", { ...stamp, millis: Schema.Int })

/**
 * One fact about a run. Everything shown or stored of a run is drawn from the stream of these.
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

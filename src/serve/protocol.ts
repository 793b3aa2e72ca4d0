import { Schema } from "effect"
import { Trigger } from "../config/Trigger.ts"
import { Event } from "../core/Event.ts"
import { RunPolicy } from "./policy.ts"

/** The longest line between `jiji serve` and a worker, in characters. */
export const maxLine = 4 * 1024 * 1024

/** What a worker does: it runs one command, or answers questions about the pipelines of a project. */
export const Job = Schema.Union([
  Schema.TaggedStruct("Run", {
    /** The project's folder. Absolute. */
    folder: Schema.String,
    /** The command, as `jiji` takes it. */
    words: Schema.Array(Schema.String),
    /** The run that the command started when it was cut off. The worker goes on with it, if that is possible. */
    resumes: Schema.optionalKey(Schema.String),
    /** Whether it must not start from the beginning instead: it has waited, perhaps for an approval. */
    mustResume: Schema.optionalKey(Schema.Literal(true)),
    /** What to do when all that is left of the run is to wait. */
    whenWaiting: Schema.Literals(["suspend", "undo"])
  }),
  Schema.TaggedStruct("Inspect", { folder: Schema.String })
])
export type Job = typeof Job.Type

/** A pipeline of a project. `input` is the JSON Schema of what it takes; `problem` says why it cannot be loaded. */
export const PipelineInfo = Schema.Struct({
  name: Schema.String,
  description: Schema.String,
  input: Schema.optionalKey(Schema.Unknown),
  problem: Schema.optionalKey(Schema.String),
  triggers: Schema.optionalKey(Schema.Array(Trigger))
})
export type PipelineInfo = typeof PipelineInfo.Type

/** A question to a worker with the job `Inspect`. */
export const Question = Schema.Union([
  Schema.TaggedStruct("ListPipelines", { id: Schema.Int }),
  /** Asks for the words that run a pipeline: with an input, or with flags as a command line has them. */
  Schema.TaggedStruct("CheckPipeline", {
    id: Schema.Int,
    name: Schema.String,
    input: Schema.Record(Schema.String, Schema.Unknown),
    flags: Schema.Array(Schema.String)
  }),
  /** Asks whether a pipeline can wait for a signal with a value. */
  Schema.TaggedStruct("CheckSignal", {
    id: Schema.Int,
    name: Schema.String,
    signal: Schema.String,
    value: Schema.Unknown
  })
])
export type Question = typeof Question.Type

/** The answer to a {@link Question}. `files` are the files that were loaded for it. */
export const Answer = Schema.Union([
  Schema.TaggedStruct("Pipelines", {
    id: Schema.Int,
    pipelines: Schema.Array(PipelineInfo),
    files: Schema.Array(Schema.String)
  }),
  Schema.TaggedStruct("Accepted", {
    id: Schema.Int,
    words: Schema.Array(Schema.String),
    policy: RunPolicy,
    files: Schema.Array(Schema.String)
  }),
  Schema.TaggedStruct("Refused", {
    id: Schema.Int,
    reasons: Schema.Array(Schema.String),
    files: Schema.Array(Schema.String)
  })
])
export type Answer = typeof Answer.Type

/** The command has failed. `text` is what it prints on stderr in a terminal, without secrets. */
const WorkerFailed = Schema.TaggedStruct("WorkerFailed", { code: Schema.Int, text: Schema.String })

/** A line that a worker writes on stdout. */
export const WorkerLine = Schema.Union([WorkerFailed, ...Answer.members, ...Event.members])
export type WorkerLine = typeof WorkerLine.Type

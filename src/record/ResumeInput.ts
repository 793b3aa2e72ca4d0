import { Schema } from "effect"

/** What is needed to go on with a run. It has no secrets. */
export const ResumeInput = Schema.Struct({
  /** The command line, without the name of the program. */
  words: Schema.Array(Schema.String),
  /** The folder in which the command was started. */
  folder: Schema.String,
  /** The fingerprint of the resolved project. */
  project: Schema.Record(Schema.String, Schema.String),
  /** The nodes of the pipeline. */
  pipeline: Schema.Array(Schema.String)
})
export type ResumeInput = typeof ResumeInput.Type

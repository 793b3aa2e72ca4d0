import { Schema } from "effect"
import { defineError } from "../core/defineError.ts"
import { joinWords } from "../core/text.ts"

/** A command got flags that exclude each other. */
export class ConflictingFlags extends defineError<ConflictingFlags>()("ConflictingFlags", {
  fields: { flags: Schema.Array(Schema.String) },
  message: (e) => `${joinWords(e.flags)} cannot be used together.`,
  remedy: "Leave one of them out.",
  exitCode: "usage",
  sample: { flags: ["--json", "--html"] }
}) {}

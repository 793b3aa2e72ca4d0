import { Schema } from "effect"
import { defineError } from "../core/defineError.ts"
import { Location, locationSuffix, sourceLocation } from "../core/errorText.ts"

/** A step of a dry run used something real, such as `fetch`. */
export class NotSimulated extends defineError<NotSimulated>()("NotSimulated", {
  fields: { what: Schema.String, at: Location },
  message: (e) => `A dry run cannot simulate ${e.what}${locationSuffix(e.at)}.`,
  remedy: "Skip it in a dry run (`if (yield* IsDryRun) …`), or run a command through `Shell` instead.",
  exitCode: "failed",
  sample: { what: "fetch", at: "/home/me/shop/.jiji/pipelines/canary.ts:12" }
}) {}

/** The error for a call that is being made now. */
export const notSimulated = (what: string): NotSimulated => {
  const at = sourceLocation(new Error())
  return new NotSimulated({ what, ...(at === undefined ? {} : { at }) })
}

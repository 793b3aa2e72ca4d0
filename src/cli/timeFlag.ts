import { Duration, Option, Result, Schema } from "effect"
import { durationFlag } from "../config/duration.ts"

const decodeDuration = Schema.decodeUnknownResult(durationFlag)

/** What a flag with a time takes, for its error message. */
export const timeExpected = "a time ago such as 10m or 2h, or a date such as 2026-11-29 or 2026-11-29T14:00:00Z"

/** The dates that RFC 3339 allows, with or without the time of day. Without a zone, they are local. */
const date = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/

/** Reads a time, as milliseconds since 1970, from a flag: how long ago it is, or a date. */
export const parseTimeFlag = (text: string, now: number): Option.Option<number> => {
  const ago = decodeDuration(text)
  if (Result.isSuccess(ago)) return Option.some(now - Duration.toMillis(ago.success))
  if (!date.test(text)) return Option.none()
  // By itself, JavaScript takes a date without a time as UTC, but one with a time as local.
  const millis = Date.parse(text.length === 10 ? `${text}T00:00:00` : text.replace(" ", "T"))
  return Number.isNaN(millis) ? Option.none() : Option.some(millis)
}

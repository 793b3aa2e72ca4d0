import { Duration, Option, Result, Schema } from "effect"
import { Flag } from "effect/cli"
import { durationFlag as schema } from "../config/duration.ts"

const decode = Schema.decodeUnknownResult(schema)

/** A flag that takes a duration, from `min` to `max` milliseconds. `expected` completes its error message. */
export const durationFlag = (name: string, expected: string, min: number, max: number) =>
  Flag.String(name).pipe(
    Flag.withMetavar("TIME"),
    Flag.filterMap(
      (text): Option.Option<Duration.Duration> =>
        Option.filter(Result.getSuccess(decode(text)), (duration) => {
          const millis = Duration.toMillis(duration)
          return millis >= min && millis <= max
        }),
      () => expected
    )
  )

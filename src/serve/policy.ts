import { Duration, Schema } from "effect"
import { durationFlag } from "../config/duration.ts"
import type { NewRun } from "./RunStore.ts"

/** What to do with a run while another one with its key is queued, running or waiting. */
const WhenBusy = Schema.Literals(["queue", "replace", "refuse"])

/** A key of runs that must not run at the same time. */
const Key = Schema.String.check(Schema.isPattern(/^[^\p{Cc}]{1,200}$/u)).annotate({
  expected: "1 to 200 characters without control characters"
})

const second = 1000
const hour = 60 * 60 * second
const year = 365 * 24 * hour

/** How long a run may run, in milliseconds. */
const Limit = Schema.Int.check(Schema.isBetween({ minimum: second, maximum: year }))

/** The pause before the first retry, in milliseconds. */
const Delay = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 24 * hour }))

/** A duration as people write it, within limits in milliseconds. */
const durationBetween = (minimum: number, maximum: number, expected: string) =>
  durationFlag.check(
    Schema.makeFilter((duration) => Duration.toMillis(duration) >= minimum && Duration.toMillis(duration) <= maximum, {
      expected
    })
  )

const times = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))

/** How runs go together, as a pipeline says. Durations are milliseconds. */
export const RunPolicy = Schema.Struct({
  key: Schema.optionalKey(Key),
  whenBusy: Schema.optionalKey(WhenBusy),
  timeLimit: Schema.optionalKey(Limit),
  retries: Schema.optionalKey(Schema.Struct({ times, delay: Delay }))
})
export type RunPolicy = typeof RunPolicy.Type

const named = { low: -5, normal: 0, high: 5 } as const

/** Runs with a higher priority start first. */
const Priority = Schema.Union([
  Schema.Literals(["low", "normal", "high"]),
  Schema.Int.check(Schema.isBetween({ minimum: -10, maximum: 10 }))
])

/** What a request says about how its run goes with others. It goes before what the pipeline says. */
export const requestPolicy = {
  concurrency: Schema.optionalKey(
    Schema.Struct({
      key: Schema.optionalKey(
        Key.annotate({ description: "Runs of the project with the same key run one after another; by default, all" })
      ),
      whenBusy: Schema.optionalKey(
        WhenBusy.annotate({
          description:
            "While there is another run with the key: wait for it (`queue`), take the place of those that are queued or waiting (`replace`), or start nothing (`refuse`)"
        })
      )
    })
  ),
  priority: Schema.optionalKey(
    Priority.annotate({ description: "-10 to 10; low is -5, normal 0, high 5. A rollback is high by default" })
  ),
  timeLimit: Schema.optionalKey(
    durationBetween(second, year, "a duration from 1s to 365 days").annotate({
      description: "How long each attempt may run, such as 30m"
    })
  ),
  retries: Schema.optionalKey(
    Schema.Struct({
      times: times.annotate({ description: "How often a failed run is tried again" }),
      delay: Schema.optionalKey(
        durationBetween(0, 24 * hour, "a duration up to 1 day").annotate({
          description: "The pause before the first retry; each further one is twice as long"
        })
      )
    })
  )
}

const RequestPolicy = Schema.Struct(requestPolicy)

/** The pause before the first retry, in milliseconds. */
const usualDelay = 10 * second

/** The pause before a retry, in milliseconds: each is twice as long as the one before, up to an hour. */
export const retryPause = (delay: number, retried: number): number =>
  Math.max(delay, Math.min(delay * 2 ** retried, hour))

/** The key of a project's runs that name none is its name, which has no line break. */
const busyKey = (project: string, key: string | undefined): string =>
  key === undefined ? project : `${project}\n${key}`

/** The key that a run was given, if any. */
export const givenKey = (busyKey: string): string | undefined => busyKey.split("\n")[1]

/** How a run goes with others: as the request says, else as its pipeline does. */
export const policyOf = (
  { project, words }: { readonly project: string; readonly words: ReadonlyArray<string> },
  pipeline: RunPolicy = {},
  { concurrency, priority, retries, timeLimit }: typeof RequestPolicy.Type = {}
): Pick<NewRun, "key" | "whenBusy" | "priority" | "timeLimit" | "retries"> => {
  const limit = timeLimit === undefined ? pipeline.timeLimit : Duration.toMillis(timeLimit)
  const again =
    retries === undefined
      ? pipeline.retries
      : { times: retries.times, delay: retries.delay === undefined ? usualDelay : Duration.toMillis(retries.delay) }
  return {
    key: busyKey(project, concurrency?.key ?? pipeline.key),
    whenBusy: concurrency?.whenBusy ?? pipeline.whenBusy ?? "queue",
    // Something is broken, and a rollback repairs it.
    priority: typeof priority === "string" ? named[priority] : (priority ?? (words[0] === "rollback" ? named.high : 0)),
    ...(limit !== undefined && { timeLimit: limit }),
    ...(again !== undefined && { retries: again })
  }
}

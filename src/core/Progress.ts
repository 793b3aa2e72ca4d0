import { Effect } from "effect"
import type { Events } from "./Events.ts"

/** How often progress is published while it changes. Reporters decide how often they show it. */
const interval = "200 millis"

/** How many bytes were moved so far, and of how many if that is known. */
export interface Amount {
  readonly bytes: number
  readonly total?: number
}

/** Something that moves bytes: what it does with them, and how far it is. */
export interface Progress {
  readonly label: string
  readonly amount: Effect.Effect<Amount>
}

/** Publishes how far something is. If more bytes were moved than expected, they are the new total. */
const publish = (events: Events["Service"], label: string, { bytes, total }: Amount): Effect.Effect<void> =>
  events.publish({
    _tag: "StepProgress",
    label,
    bytes,
    ...(total !== undefined && { total: Math.max(total, bytes) })
  })

const watch = (events: Events["Service"], { amount, label }: Progress): Effect.Effect<never> =>
  Effect.gen(function* () {
    let last = 0
    while (true) {
      yield* Effect.sleep(interval)
      const now = yield* amount
      if (now.bytes === last) continue
      last = now.bytes
      yield* publish(events, label, now)
    }
  })

/** Does some work and publishes its progress for the current node: now and then, and at the end if any bytes moved. */
export const during = <A, E, R>(
  events: Events["Service"],
  progress: Progress,
  work: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const result = yield* Effect.raceFirst(work, watch(events, progress))
    const now = yield* progress.amount
    if (now.bytes > 0) yield* publish(events, progress.label, now)
    return result
  })

/** The progress of work that reports by itself, by calling `report`. */
export const reported = (label: string) => {
  let now: Amount = { bytes: 0 }
  const progress: Progress = { label, amount: Effect.sync(() => now) }
  return {
    progress,
    report: (amount: Amount): void => {
      now = amount
    }
  }
}

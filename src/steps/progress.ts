import { Effect } from "effect"
import { Events } from "../core/Events.ts"

/** Often enough for whoever watches, and seldom enough to cost nothing. */
const interval = "200 millis"

/** How many bytes were moved so far, and of how many, where that is known. */
export interface Amount {
  readonly bytes: number
  readonly total?: number
}

/** Something that moves bytes: what is done with them, and how far that is. */
export interface Progress {
  readonly label: string
  readonly amount: Effect.Effect<Amount>
}

/** Says how far it is now. What turns out to be more than was thought is the new total. */
const tell = Effect.fnUntraced(function* (label: string, { bytes, total }: Amount) {
  const of = total === undefined ? {} : { total: Math.max(total, bytes) }
  yield* (yield* Events).publish({ _tag: "StepProgress", label, bytes, ...of })
})

/** Says until it is interrupted how far something is, wherever that has changed. */
const watching = ({ amount, label }: Progress): Effect.Effect<never, never, Events> =>
  Effect.gen(function* () {
    let last = 0
    while (true) {
      yield* Effect.sleep(interval)
      const now = yield* amount
      if (now.bytes === last) continue
      last = now.bytes
      yield* tell(label, now)
    }
  })

/** Says while something is done how far it is, and at its end what it has come to, if to anything. */
export const watched = Effect.fnUntraced(function* <A, E, R>(progress: Progress, work: Effect.Effect<A, E, R>) {
  const result = yield* Effect.raceFirst(work, watching(progress))
  const now = yield* progress.amount
  if (now.bytes > 0) yield* tell(progress.label, now)
  return result
})

/** The progress of what says by itself how far it is, by calling `moved`. */
export const reported = (label: string) => {
  let now: Amount = { bytes: 0 }
  const progress: Progress = { label, amount: Effect.sync(() => now) }
  return {
    progress,
    moved: (so: Amount): void => {
      now = so
    }
  }
}

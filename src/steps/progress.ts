import { Effect } from "effect"
import { Events } from "../pipeline/Events.ts"

/** Often enough for whoever watches, and seldom enough to cost nothing. */
const interval = "200 millis"

/** Something that moves bytes: what is done with them, how many there were so far, and of how many, where that is known. */
export interface Progress {
  readonly label: string
  readonly bytes: Effect.Effect<number>
  readonly total?: number
}

/** Says how far it is now. What turns out to be more than was thought is the new total. */
const tell = Effect.fnUntraced(function* ({ label, total }: Progress, bytes: number) {
  const of = total === undefined ? {} : { total: Math.max(total, bytes) }
  yield* (yield* Events).publish({ _tag: "StepProgress", label, bytes, ...of })
})

/** Says until it is interrupted how far something is, wherever that has changed; for a race with what does it. */
export const watching = (progress: Progress): Effect.Effect<never, never, Events> =>
  Effect.gen(function* () {
    let last = 0
    while (true) {
      yield* Effect.sleep(interval)
      const bytes = yield* progress.bytes
      if (bytes === last) continue
      last = bytes
      yield* tell(progress, bytes)
    }
  })

/** Says what it has come to, if to anything. */
export const ended = Effect.fnUntraced(function* (progress: Progress) {
  const bytes = yield* progress.bytes
  if (bytes > 0) yield* tell(progress, bytes)
})

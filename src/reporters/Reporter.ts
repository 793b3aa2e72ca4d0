import { Effect, Stream } from "effect"
import { type Event, isEnd } from "../core/Event.ts"

/** Where a reporter writes, and what it may assume of it. */
export interface Output {
  write(text: string): void
  /** Columns of the terminal; a wide one where there is none. */
  readonly columns: number
  readonly colors: boolean
}

/** A terminal that a person looks at. */
export interface Screen extends Output {
  readonly rows: number
}

/** Shows a run: given every event in order, and then the end. */
export interface Reporter {
  event(event: Event): void
  end(): void
}

/**
 * Follows one run: takes its events from the first to the last, and ends with it. A reporter is one, and so is whatever
 * else is made of a run. Not even a broken one is a reason for the run to fail.
 */
export type Follower = (run: Stream.Stream<Event>) => Effect.Effect<void>

/** Feeds a reporter until the run has ended. */
export const feed =
  (reporter: Reporter): Follower =>
  (run) =>
    run.pipe(
      Stream.takeUntil(isEnd),
      Stream.runForEach((event) => Effect.sync(() => reporter.event(event))),
      Effect.ensuring(Effect.sync(() => reporter.end()))
    )

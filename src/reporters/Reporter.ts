import { Effect, Stream } from "effect"
import { type Event, isEnd } from "../core/Event.ts"

/** Where a reporter writes, and what that output supports. */
export interface Output {
  write(text: string): void
  /** The width of the terminal. Large if the output is not a terminal. */
  readonly columns: number
  readonly colors: boolean
}

/** An interactive terminal. */
export interface Screen extends Output {
  readonly rows: number
}

/** Shows a run. Gets every event in order, and then the end. */
export interface Reporter {
  event(event: Event): void
  end(): void
}

/**
 * Consumes the events of one run, from the first to the last. Reporters are followers; so are the run history and traces.
 * A follower that fails does not fail the run.
 */
export type Follower = (run: Stream.Stream<Event>) => Effect.Effect<void>

/** Turns a reporter into a follower. */
export const feed =
  (reporter: Reporter): Follower =>
  (run) =>
    run.pipe(
      Stream.takeUntil(isEnd),
      Stream.runForEach((event) => Effect.sync(() => reporter.event(event))),
      Effect.ensuring(Effect.sync(() => reporter.end()))
    )

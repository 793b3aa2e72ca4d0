import { Effect, Stream } from "effect"
import type { Event } from "../core/Event.ts"
import { wholeRun } from "../core/runEvents.ts"
import { reporterCalls } from "./ReporterFailed.ts"

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
 * The stream may contain events of runs that steps of that run start. A follower that fails does not fail the run.
 */
export type Follower = (run: Stream.Stream<Event>) => Effect.Effect<void>

/**
 * Turns a reporter into a follower. `select` ends the stream with the run; by default, the reporter also gets the events of
 * runs that steps of that run start. If the reporter throws, a warning says so once, and the reporter gets the next event.
 */
export const feed =
  (reporter: Reporter, select: (events: Stream.Stream<Event>) => Stream.Stream<Event> = wholeRun): Follower =>
  (run) =>
    Effect.suspend(() => {
      const { call, end } = reporterCalls()
      return select(run).pipe(
        Stream.runForEach((event) => call(() => reporter.event(event))),
        Effect.ensuring(call(() => reporter.end())),
        Effect.andThen(end)
      )
    })

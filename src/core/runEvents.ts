import { Stream } from "effect"
import { type Event, isEnd } from "./Event.ts"

/** Remembers the first run of a stream. Runs that its steps start come later. */
const firstRun = () => {
  let first: string | undefined
  return (event: Event): boolean => {
    if (event.run !== "") first ??= event.run
    return event.run === first
  }
}

/** Ends a stream with its first run. Until then it has all events, also those of the runs that steps of that run start. */
export const wholeRun = <E, R>(events: Stream.Stream<Event, E, R>): Stream.Stream<Event, E, R> =>
  Stream.suspend(() => {
    const isOwn = firstRun()
    return Stream.takeUntil(events, (event) => isOwn(event) && isEnd(event))
  })

/** Only the events of the first run of a stream, without the runs that its steps start. Ends with that run. */
export const ownEvents = <E, R>(events: Stream.Stream<Event, E, R>): Stream.Stream<Event, E, R> =>
  Stream.suspend(() => Stream.takeUntil(Stream.filter(events, firstRun()), isEnd))

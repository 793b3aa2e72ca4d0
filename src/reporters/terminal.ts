import { Clock, Effect, Schedule, Stream } from "effect"
import { type Event, isEnd } from "../core/Event.ts"
import { bounded, line, row } from "./live/layout.ts"
import { region } from "./live/region.ts"
import { runningSteps } from "./live/running.ts"
import { Notices } from "./Notices.ts"
import type { Follower, Screen } from "./Reporter.ts"
import { rows, table } from "./table.ts"
import { painter } from "./text.ts"
import { oneLine } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

/** How often the screen is drawn, at most: often enough for a line that appears, and for a window that is resized. */
const interval = "100 millis"

/** The picture of a run, drawn only when it is asked for: a command may write a thousand lines in between. */
const view = (screen: Screen) => {
  const paint = painter(screen.colors)
  const shown = region(screen)
  const steps = runningSteps()
  const seen: Array<Event> = []
  let above: Array<() => string> = []

  const heading = (event: Event): string | undefined => {
    const { columns } = screen
    if (event._tag === "RunStarted") return paint("bold", line(oneLine(event.name), columns))
    if (event._tag === "RunSucceeded") return paint("green", line(`✓ done in ${formatDuration(event.millis)}`, columns))
    if (event._tag === "RunFailed") return paint("red", line(`✗ failed after ${formatDuration(event.millis)}`, columns))
    if (event._tag !== "RunInterrupted") return undefined
    return paint("yellow", line(`! interrupted after ${formatDuration(event.millis)}`, columns))
  }

  const draw = (now: number): void => {
    const { columns } = screen
    const lines = steps.at(now).map((step) => row(step, columns, paint))
    shown.draw(
      above.map((each) => each()),
      bounded(lines, screen.rows, columns)
    )
    above = []
  }

  return {
    take(event: Event): void {
      if ("kind" in event) seen.push(event)
      const stays = steps.take(event)
      // As wide as the screen is when it is written.
      if (stays !== undefined) above.push(() => row(stays, screen.columns, paint))
      else if (event._tag.startsWith("Run")) above.push(() => heading(event) ?? "")
    },
    /** Takes a line that is no event's. */
    say: (text: string) => void above.push(() => paint("yellow", line(`! ${text}`, screen.columns))),
    draw,
    /** The last picture, with what was done. */
    end(now: number): void {
      const [head, ...lines] = table(rows(seen), screen.columns - 1).map((text) => line(text, screen.columns))
      const all = head === undefined ? [] : ["", paint("bold", head), ...lines]
      above.push(...all.map((text) => () => text))
      draw(now)
    }
  }
}

/** For a person at a terminal: a line for every step that has ended, and below them one for every step that runs. */
export const terminal =
  (screen: Screen): Follower =>
  (run) =>
    Effect.gen(function* () {
      const picture = view(screen)
      const giveBack = (yield* Notices).onto(picture.say)
      const drawing = Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => picture.draw(now)))
      const taking = run.pipe(
        Stream.takeUntil(isEnd),
        Stream.runForEach((event) => Effect.sync(() => picture.take(event)))
      )
      yield* Effect.raceFirst(taking, Effect.repeat(drawing, Schedule.spaced(interval))).pipe(
        Effect.ensuring(Effect.map(Clock.currentTimeMillis, (now) => picture.end(now))),
        Effect.ensuring(Effect.sync(giveBack))
      )
    })

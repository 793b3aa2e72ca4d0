import { Clock, Effect, Schedule, Stream } from "effect"
import type { Event } from "../core/Event.ts"
import { wholeRun } from "../core/runEvents.ts"
import { interruptedText } from "./interruptedText.ts"
import { fitLine, fitRows, noticeRows, stepRow, warningRows } from "./live/layout.ts"
import { resumedSummary } from "./eventLine.ts"
import { region } from "./live/region.ts"
import { runningSteps } from "./live/running.ts"
import { Notices } from "./Notices.ts"
import type { Follower, Screen } from "./Reporter.ts"
import { reporterCalls } from "./ReporterFailed.ts"
import { deployRows, deployTable } from "./table.ts"
import { painter } from "./text.ts"
import { oneLine } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

/** Short enough that new lines and a resized window show without a noticeable delay. */
const drawInterval = "100 millis"

/** The state of the screen. Draws only when called, because a command may write thousands of lines between two draws. */
const liveView = (screen: Screen) => {
  const paint = painter(screen.colors)
  const bottom = region(screen)
  const steps = runningSteps()
  const seen: Array<Event> = []
  let ownRun: string | undefined
  /** Functions, because the lines must fit the width that the screen has when they are drawn. */
  let above: Array<() => ReadonlyArray<string>> = []

  const heading = (event: Event): string | undefined => {
    const { columns } = screen
    if (event._tag === "RunStarted") return paint("bold", fitLine(oneLine(event.name), columns))
    // A run that a step started is named, so that its end does not look like the end of everything.
    const name = event.run === ownRun ? "" : `${oneLine(event.path)} `
    if (event._tag === "RunSucceeded")
      return paint("green", fitLine(`✓ ${name}done in ${formatDuration(event.millis)}`, columns))
    if (event._tag === "RunFailed")
      return paint("red", fitLine(`✗ ${name}failed after ${formatDuration(event.millis)}`, columns))
    if (event._tag !== "RunInterrupted") return undefined
    return paint("yellow", fitLine(`! ${name}${interruptedText(event)}`, columns))
  }

  const draw = (now: number): void => {
    const { columns } = screen
    const lines = steps.views(now).map((step) => stepRow(step, columns, paint))
    bottom.draw(
      above.flatMap((each) => each()),
      fitRows(lines, screen.rows, columns)
    )
    above = []
  }

  return {
    handle(event: Event): void {
      if (event._tag === "RunStarted") ownRun ??= event.run
      if ("kind" in event) seen.push(event)
      const kept = steps.handle(event)
      if (kept?.mark === "warning") above.push(() => warningRows(kept, screen.columns, paint))
      else if (kept !== undefined) above.push(() => [stepRow(kept, screen.columns, paint)])
      else if (event._tag.startsWith("Run")) above.push(() => [heading(event) ?? ""])
    },
    /** Adds a warning that does not come from an event. */
    print: (text: string) => void above.push(() => noticeRows(text, screen.columns, paint)),
    draw,
    /** Draws for the last time, with the table of services. */
    end(now: number): void {
      const [head, ...lines] = deployTable(deployRows(seen), screen.columns - 1).map((text) =>
        fitLine(text, screen.columns)
      )
      const resumed = resumedSummary(seen)
      const all = [
        ...(resumed === undefined ? [] : [fitLine(resumed, screen.columns)]),
        ...(head === undefined ? [] : ["", paint("bold", head), ...lines])
      ]
      above.push(() => all)
      draw(now)
    }
  }
}

/** Shows a run live in an interactive terminal: one line per finished step, and below them one per running step. */
export const terminal =
  (screen: Screen): Follower =>
  (run) =>
    Effect.gen(function* () {
      const view = liveView(screen)
      const restoreNotices = (yield* Notices).redirect(view.print)
      const { call, end } = reporterCalls()
      const draw = Effect.flatMap(Clock.currentTimeMillis, (now) => call(() => view.draw(now)))
      const handle = Stream.runForEach(wholeRun(run), (event) => call(() => view.handle(event)))
      yield* Effect.raceFirst(handle, Effect.repeat(draw, Schedule.spaced(drawInterval))).pipe(
        Effect.ensuring(Effect.flatMap(Clock.currentTimeMillis, (now) => call(() => view.end(now)))),
        Effect.ensuring(Effect.sync(restoreNotices)),
        Effect.andThen(end)
      )
    })

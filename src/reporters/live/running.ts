import type { Event } from "../../core/Event.ts"
import { eventLine, detailOf, type Line, parsePath } from "../eventLine.ts"
import { printable } from "../../core/text.ts"
import { formatBytes, formatDuration } from "../../core/units.ts"

/** A step that runs. */
interface Running {
  readonly action: string
  readonly subject: string
  readonly since: number
  /** What it said of itself, for the line of its end. */
  found: string
  /** What is shown of it until then: how far it is, or the last line that was written for it. */
  now: string
}

/** What is to be shown as one line: sign and colour are its mark's. */
export interface RunningView extends Pick<Line, "mark" | "action" | "subject"> {
  readonly time: string
  readonly said: string
}

/** `35%  4.2 MB of 12 MB read`: what a narrow screen needs most comes first. */
const progress = (event: Extract<Event, { _tag: "StepProgress" }>): string => {
  const { label, total } = event
  if (total === undefined || total <= 0) return `${formatBytes(event.bytes)} ${label}`
  const percent = Math.min(100, Math.floor((100 * event.bytes) / total))
  return `${percent}%  ${formatBytes(event.bytes)} of ${formatBytes(total)} ${label}`
}

/** What a run is at, by its events. */
export interface RunningSteps {
  /** Takes an event; answers the line that stays of it, if one does. */
  take(event: Event): RunningView | undefined
  /** The steps that run, the oldest first. */
  at(now: number): ReadonlyArray<RunningView>
}

/** Seconds and no parts of them: what ticks is to be read, not watched. */
const elapsed = (millis: number): string => {
  const seconds = Math.max(0, Math.floor(millis / 1000))
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000)
}

export const runningSteps = (): RunningSteps => {
  const running = new Map<string, Running>()

  const end = (event: Event, line: Line): RunningView => {
    const found = running.get(event.path)?.found ?? ""
    running.delete(event.path)
    const time = line.mark !== "skipped" && "millis" in event ? formatDuration(event.millis) : ""
    const detail = line.mark === "done" ? "" : detailOf(line)
    return { ...line, time, said: [found, detail].filter((part) => part !== "").join(", ") }
  }

  return {
    take(event) {
      const line = eventLine(event)
      if (line === undefined) return undefined
      if (line.mark === "started") {
        const { keys, name } = parsePath(event.path)
        running.set(event.path, { action: name, subject: keys.join(" "), since: event.time, found: "", now: "" })
        return undefined
      }
      if ("kind" in event) return end(event, line)
      const said = detailOf(line).trim()
      const step = running.get(event.path)
      if (step === undefined || line.mark === "warning") return { ...line, time: "", said }
      // What only says how far a step is goes into the line of its end.
      if (line.mark === "note") step.found = said
      step.now = event._tag === "StepProgress" ? printable(progress(event)) : said
      return undefined
    },
    at: (now) =>
      [...running.values()].map(({ action, now: said, since, subject }) => ({
        mark: "started",
        action,
        subject,
        time: elapsed(now - since),
        said
      }))
  }
}

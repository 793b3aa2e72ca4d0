import type { Event } from "../../core/Event.ts"
import { eventLine, detailText, type EventLine, nodeId, parsePath } from "../eventLine.ts"
import { printable } from "../../core/text.ts"
import { formatBytes, formatDuration } from "../../core/units.ts"

/** The state of a running step. */
interface RunningStep {
  readonly action: string
  readonly subject: string
  readonly since: number
  /** The step's last message, for its final line. */
  note: string
  /** What to show until then: the progress, or the last line of output. */
  status: string
}

/** A step as one line. The mark decides its sign and color. */
export interface StepView extends Pick<EventLine, "mark" | "action" | "subject"> {
  readonly time: string
  readonly detail: string
}

/** `35%  4.2 MB of 12 MB read`: the percentage comes first, because narrow screens cut off the rest. */
const progressText = (event: Extract<Event, { _tag: "StepProgress" }>): string => {
  const { label, total } = event
  if (total === undefined || total <= 0) return `${formatBytes(event.bytes)} ${label}`
  const percent = Math.min(100, Math.floor((100 * event.bytes) / total))
  return `${percent}%  ${formatBytes(event.bytes)} of ${formatBytes(total)} ${label}`
}

/** Tracks the running steps of a run. */
export interface RunningSteps {
  /** Takes an event. Returns a line to keep on the screen, if there is one. */
  handle(event: Event): StepView | undefined
  /** The running steps, the oldest first. */
  views(now: number): ReadonlyArray<StepView>
}

/** Whole seconds, because faster changes would distract. */
const elapsed = (millis: number): string => {
  const seconds = Math.max(0, Math.floor(millis / 1000))
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000)
}

export const runningSteps = (): RunningSteps => {
  const running = new Map<string, RunningStep>()

  const end = (event: Event, line: EventLine): StepView => {
    const note = running.get(nodeId(event))?.note ?? ""
    running.delete(nodeId(event))
    const hasRun = line.mark !== "skipped" && line.mark !== "resumed"
    const time = hasRun && "millis" in event ? formatDuration(event.millis) : ""
    const detail = line.mark === "done" ? "" : detailText(line)
    return { ...line, time, detail: [note, detail].filter((part) => part !== "").join(", ") }
  }

  return {
    handle(event) {
      const line = eventLine(event)
      if (line === undefined) return undefined
      if (line.mark === "started") {
        const { keys, name } = parsePath(event.path)
        running.set(nodeId(event), { action: name, subject: keys.join(" "), since: event.time, note: "", status: "" })
        return undefined
      }
      if ("kind" in event) return end(event, line)
      const detail = detailText(line).trim()
      const step = running.get(nodeId(event))
      if (step === undefined || line.mark === "warning") return { ...line, time: "", detail }
      // The step's final line shows its last message or progress.
      if (line.mark === "note") step.note = detail
      step.status = event._tag === "StepProgress" ? printable(progressText(event)) : detail
      return undefined
    },
    views: (now) =>
      [...running.values()].map(({ action, since, status, subject }) => ({
        mark: "started",
        action,
        subject,
        time: elapsed(now - since),
        detail: status
      }))
  }
}

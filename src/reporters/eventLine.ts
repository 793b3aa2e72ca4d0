import type { Event, FailureRecord, NodeKind } from "../core/Event.ts"
import { decodeKey } from "../core/keys.ts"
import { oneLine, plural, printable } from "../core/text.ts"
import { formatBytes, formatDuration } from "../core/units.ts"

export type Mark = "started" | "done" | "resumed" | "skipped" | "failed" | "interrupted" | "note" | "warning" | "output"

/** One line of a run's output, before it gets columns and colors. */
export interface EventLine {
  readonly mark: Mark
  /** `web1 web` for a service on a server; empty for the run itself. */
  readonly subject: string
  readonly action: string
  readonly detail: string
}

/**
 * Splits a path into its keys and its last name: `deploy/servers[web1]/services[web]/pull` has the keys `web1` and `web` and
 * the name `pull`. The name of an undo is `undo pull`. Each is one printable line.
 */
export const parsePath = (path: string): { readonly keys: ReadonlyArray<string>; readonly name: string } => {
  const keys: Array<string> = []
  const names = path.split("/").map((part) => {
    const at = part.endsWith("]") ? part.lastIndexOf("[") : -1
    if (at === -1) return part
    keys.push(oneLine(decodeKey(part.slice(at + 1, -1))))
    return part.slice(0, at)
  })
  const name = names.at(-1) ?? ""
  return { keys, name: oneLine(name === "undo" && names.length > 2 ? `undo ${names.at(-2)}` : name) }
}

/**
 * The paths that contain a path, the nearest first: `deploy/servers[web1]`, `deploy/servers`, `deploy`. In the
 * history, names from older versions may contain any character, so some of these paths may not belong to a node.
 */
export const parentPaths = (path: string): ReadonlyArray<string> =>
  [...path.matchAll(/[/[]/g)].map(({ index }) => path.slice(0, index)).toReversed()

/** Identifies the node of an event. Two runs can have nodes with the same path, if a step starts runs. */
export const nodeId = ({ path, run }: Event): string => `${run} ${path}`

/** The detail as one printable line. Of a command's output, only the text after the last carriage return remains. */
export const detailText = ({ detail, mark }: EventLine): string =>
  mark === "output" ? printable(detail) : oneLine(detail)

const lineFor = (event: Event, mark: Mark, detail: string): EventLine => {
  const { keys, name } = parsePath(event.path)
  return { mark, subject: keys.join(" "), action: name, detail }
}

const firstLine = (text: string): string => text.split("\n")[0] ?? ""
const failureText = (failures: ReadonlyArray<FailureRecord>): string =>
  failures.map(({ message }) => firstLine(message)).join(" ")

/** Whether a node does work itself. Other nodes only contain nodes. */
export const doesWork = ({ kind }: { readonly kind: NodeKind }): boolean => kind === "step" || kind === "undo"

/** What a resumed run says at its end about steps that it did not run again, if there are any. */
export const resumedSummary = (events: ReadonlyArray<Event>): string | undefined => {
  const count = events.filter((event) => "resumed" in event && event.resumed === true).length
  if (count === 0) return undefined
  return `${plural(count, "step")} ${count === 1 ? "was" : "were"} done before and did not run again`
}

/** The line that shows an event, if any. */
export const eventLine = (event: Event): EventLine | undefined => {
  switch (event._tag) {
    case "StepStarted":
      return doesWork(event) ? lineFor(event, "started", "") : undefined
    case "StepSucceeded":
      if (event.resumed === true) return lineFor(event, "resumed", "done before")
      return doesWork(event) ? lineFor(event, "done", formatDuration(event.millis)) : undefined
    case "StepSkipped":
      if (event.resumed === true) return lineFor(event, "resumed", `done before: ${event.reason}`)
      return doesWork(event) || event.kind === "item" ? lineFor(event, "skipped", event.reason) : undefined
    case "StepFailed":
      return doesWork(event) ? lineFor(event, "failed", failureText(event.failures)) : undefined
    case "StepInterrupted":
      return doesWork(event) ? lineFor(event, "interrupted", "interrupted") : undefined
    case "StepNoted":
      return lineFor(event, event.level === "warning" ? "warning" : "note", event.text)
    case "StepRetried": {
      const next = event.millis === 0 ? "retrying now" : `retrying in ${formatDuration(event.millis)}`
      return lineFor(event, "warning", `attempt ${event.attempt} failed: ${failureText(event.failures)} (${next})`)
    }
    case "StepOutput":
      return lineFor(event, "output", event.line)
    case "StepProgress": {
      const of = event.total === undefined ? "" : ` of ${formatBytes(event.total)}`
      return lineFor(event, "note", `${formatBytes(event.bytes)}${of} ${event.label}`)
    }
    case "ResourceReleased":
      return event.clean ? undefined : lineFor(event, "warning", `${event.resource} did not close in time`)
    case "RunStarted":
    case "CommandPlanned":
    case "ActionPlanned":
    case "ResourceAcquired":
    case "RunSucceeded":
    case "RunFailed":
    case "RunInterrupted":
      return undefined
  }
}

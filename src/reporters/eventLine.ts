import type { Event, FailureRecord, NodeKind } from "../core/Event.ts"
import { decodeKey } from "../core/keys.ts"
import { oneLine, printable } from "../core/text.ts"
import { formatBytes, formatDuration } from "../core/units.ts"

export type Mark = "started" | "done" | "skipped" | "failed" | "interrupted" | "note" | "warning" | "output"

/** One line of what is shown of a run, before it is put into columns and colours. */
export interface Line {
  readonly mark: Mark
  /** What it is about: `web1 web` for a service on a server; empty for the run itself. */
  readonly subject: string
  readonly action: string
  readonly detail: string
}

/**
 * The keys in a path, and its last name: `deploy/servers[web1]/services[web]/pull` is about `web1 web`, and a `pull`. That
 * of an undo is `undo pull`. Both are to be shown: each is one printable line.
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
 * The paths around a path, the nearest first: `deploy/servers[web1]`, `deploy/servers`, `deploy`. Names may have any
 * character in them, so that not all of them need to be of nodes.
 */
export const parentPaths = (path: string): ReadonlyArray<string> =>
  [...path.matchAll(/[/[]/g)].map(({ index }) => path.slice(0, index)).toReversed()

/** What a line says, as one printable line. Only of a command's output it is the last state that counts. */
export const detailOf = ({ detail, mark }: Line): string => (mark === "output" ? printable(detail) : oneLine(detail))

const about = (event: Event, mark: Mark, detail: string): Line => {
  const { keys, name } = parsePath(event.path)
  return { mark, subject: keys.join(" "), action: name, detail }
}

const first = (text: string): string => text.split("\n")[0] ?? ""
const reasons = (failures: ReadonlyArray<FailureRecord>): string =>
  failures.map(({ message }) => first(message)).join(" ")

/** Whether a node does something itself, and does not only hold others. */
export const doesWork = ({ kind }: { readonly kind: NodeKind }): boolean => kind === "step" || kind === "undo"

/** What is shown of an event: a line, or nothing. */
export const eventLine = (event: Event): Line | undefined => {
  switch (event._tag) {
    case "StepStarted":
      return doesWork(event) ? about(event, "started", "") : undefined
    case "StepSucceeded":
      return doesWork(event) ? about(event, "done", formatDuration(event.millis)) : undefined
    case "StepSkipped":
      return doesWork(event) || event.kind === "item" ? about(event, "skipped", event.reason) : undefined
    case "StepFailed":
      return doesWork(event) ? about(event, "failed", reasons(event.failures)) : undefined
    case "StepInterrupted":
      return doesWork(event) ? about(event, "interrupted", "stopped") : undefined
    case "StepNoted":
      return about(event, event.level === "warning" ? "warning" : "note", event.text)
    case "StepRetried": {
      const next = event.millis === 0 ? "again at once" : `again in ${formatDuration(event.millis)}`
      return about(event, "warning", `attempt ${event.attempt}: ${reasons(event.failures)} (${next})`)
    }
    case "StepOutput":
      return about(event, "output", event.line)
    case "StepProgress": {
      const of = event.total === undefined ? "" : ` of ${formatBytes(event.total)}`
      return about(event, "note", `${formatBytes(event.bytes)}${of} ${event.label}`)
    }
    case "ResourceReleased":
      return event.clean ? undefined : about(event, "warning", `${event.resource} did not close in time`)
    case "RunStarted":
    case "ResourceAcquired":
    case "RunSucceeded":
    case "RunFailed":
    case "RunInterrupted":
      return undefined
  }
}

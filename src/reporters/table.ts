import { Option, Schema } from "effect"
import { shortDigest } from "../config/ImageReference.ts"
import type { Event } from "../core/Event.ts"
import { decodeKey } from "../core/keys.ts"
import { Controlled } from "../steps/control/Control.ts"
import { Deployed } from "../steps/Deploy.ts"
import { Removed } from "../steps/RemoveService.ts"
import { nodeId } from "./eventLine.ts"
import { oneLine, printable } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

/** The outcome for one service on one server. */
export interface DeployRow {
  readonly service: string
  readonly server: string
  readonly version: string
  readonly digest: string
  readonly outcome: string
  /** Why it was replaced; empty if it was not. */
  readonly because: string
  readonly millis: number
  /** The seconds in which nothing answered, where the old container had to stop first. */
  readonly gap?: number
  /** Present for commands that know no version: all but a deploy. */
  readonly isUnversioned?: true
}

const decodeDeployed = Schema.decodeUnknownOption(Schema.Struct({ deployed: Deployed }))

const decodeControlled = Schema.decodeUnknownOption(Schema.Struct({ controlled: Controlled }))
const decodeRemoved = Schema.decodeUnknownOption(Schema.Struct({ removed: Removed }))

/** What a command other than a deploy did about a service. */
const otherOutcome = (result: unknown): string | undefined => {
  const controlled = decodeControlled(result)
  if (Option.isSome(controlled)) return controlled.value.controlled.outcome
  const removed = decodeRemoved(result)
  if (Option.isNone(removed)) return undefined
  const { containers, volumes } = removed.value.removed
  return containers.length + volumes.length === 0 ? "unchanged" : "removed"
}

/** The outcome of a service whose deploy step has no result. */
const outcomes = {
  StepSucceeded: "unknown",
  StepSkipped: "not started",
  StepFailed: "failed",
  StepInterrupted: "interrupted"
} as const

/** Matches the path of a server of a deploy, or of a service on it. The deploy may be part of another pipeline. */
const serverPath = /^((?:[^/]+|.+\/deploy)\/servers\[([^\]]*)\])(?:\/services\[([^\]]*)\])?$/

/** Collects the rows of a run's table from its events. */
export const deployRows = (events: ReadonlyArray<Event>): ReadonlyArray<DeployRow> => {
  const deployed = new Map<string, Deployed>()
  const others = new Map<string, string>()
  const rows: Array<DeployRow> = []
  const reported = new Set<string>()
  for (const event of events) {
    if (event._tag === "StepSucceeded" || event._tag === "StepSkipped") {
      const decoded = decodeDeployed(event.result)
      const parent = nodeId(event).replace(/\/[^/]*$/, "")
      if (Option.isSome(decoded)) deployed.set(parent, decoded.value.deployed)
      const other = otherOutcome(event.result)
      if (other !== undefined) others.set(parent, other)
    }
    const ended =
      event._tag === "StepSucceeded" ||
      event._tag === "StepFailed" ||
      event._tag === "StepInterrupted" ||
      event._tag === "StepSkipped"
    if (!ended || event.kind !== "item") continue
    const [, serverItem, ...keys] = serverPath.exec(event.path) ?? []
    const [server, service] = keys.map((key) => (key === undefined ? undefined : decodeKey(key)))
    if (serverItem === undefined || server === undefined) continue
    const done = deployed.get(nodeId(event))
    const other = others.get(nodeId(event))
    const outcome = event._tag === "StepSucceeded" ? (other ?? outcomes[event._tag]) : outcomes[event._tag]
    const unversioned = other === undefined ? {} : { isUnversioned: true as const }
    if (done !== undefined) rows.push({ ...done, because: done.because.join("; "), millis: event.millis })
    else if (service !== undefined)
      rows.push({
        service,
        server,
        version: "",
        digest: "",
        outcome,
        because: "",
        millis: event.millis,
        ...unversioned
      })
    else if (event._tag !== "StepSucceeded" && !reported.has(`${event.run} ${serverItem}`)) {
      // Its tunnel failed or the server was skipped, so none of its services has a row.
      rows.push({ service: "", server, version: "", digest: "", outcome, because: "", millis: event.millis })
    }
    reported.add(`${event.run} ${serverItem}`)
  }
  return rows
}

type Column = "SERVICE" | "SERVER" | "VERSION" | "DIGEST" | "OUTCOME" | "TIME" | "GAP" | "WHY"

const cells: Readonly<Record<Column, (row: DeployRow) => string>> = {
  SERVICE: ({ service }) => oneLine(service),
  SERVER: ({ server }) => oneLine(server),
  VERSION: ({ version }) => printable(version),
  DIGEST: ({ digest }) => shortDigest(printable(digest)),
  OUTCOME: ({ outcome }) => outcome,
  TIME: ({ millis }) => formatDuration(millis),
  GAP: ({ gap }) => (gap === undefined ? "" : formatDuration(gap * 1000)),
  WHY: ({ because }) => oneLine(because)
}

/** The sets of columns to choose from, the widest first. */
const columnSets: ReadonlyArray<ReadonlyArray<Column>> = [
  ["SERVICE", "SERVER", "VERSION", "DIGEST", "OUTCOME", "TIME", "GAP", "WHY"],
  ["SERVICE", "SERVER", "OUTCOME", "TIME", "GAP", "WHY"],
  ["SERVICE", "SERVER", "VERSION", "DIGEST", "OUTCOME", "TIME", "GAP"],
  ["SERVICE", "SERVER", "VERSION", "OUTCOME", "TIME", "GAP"],
  ["SERVICE", "SERVER", "OUTCOME", "TIME", "GAP"],
  ["SERVICE", "SERVER", "OUTCOME", "GAP"],
  ["SERVICE", "SERVER", "OUTCOME"]
]

/** Pads the cells of each column to the same width. */
export const alignColumns = (lines: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd()
  )
}

/** Formats the table with as many columns as fit the width. */
export const deployTable = (all: ReadonlyArray<DeployRow>, width: number): ReadonlyArray<string> => {
  if (all.length === 0) return []
  const isExplained = all.some(({ because }) => because !== "")
  const isVersioned = !all.some((row) => row.isUnversioned === true)
  const hasGaps = all.some(({ gap }) => gap !== undefined)
  const tables = columnSets
    .filter((columns) => isExplained || !columns.includes("WHY"))
    .map((columns) => columns.filter((column) => hasGaps || column !== "GAP"))
    .map((columns) => columns.filter((column) => isVersioned || (column !== "VERSION" && column !== "DIGEST")))
    .map((columns) => alignColumns([columns, ...all.map((row) => columns.map((column) => cells[column](row) || "-"))]))
  return tables.find((lines) => lines.every((line) => line.length <= width)) ?? tables.at(-1) ?? []
}

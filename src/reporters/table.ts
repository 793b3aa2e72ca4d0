import { Option, Schema } from "effect"
import { shortDigest } from "../config/ImageReference.ts"
import type { Event } from "../core/Event.ts"
import { decodeKey } from "../core/keys.ts"
import { Deployed } from "../steps/Deploy.ts"
import { oneLine, printable } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

/** What happened to one service on one server. */
export interface Row {
  readonly service: string
  readonly server: string
  readonly version: string
  readonly digest: string
  readonly outcome: string
  /** Why it was replaced; empty if it was not. */
  readonly because: string
  readonly millis: number
}

const result = Schema.decodeUnknownOption(Schema.Struct({ deployed: Deployed }))

/** What is said of a service whose deploy has left no result. */
const outcomes = {
  StepSucceeded: "unknown",
  StepSkipped: "not begun",
  StepFailed: "failed",
  StepInterrupted: "interrupted"
} as const

/** A server of a deploy, which may stand within another pipeline; and one of its services there. */
const place = /^((?:[^/]+|.+\/deploy)\/servers\[([^\]]*)\])(?:\/services\[([^\]]*)\])?$/

/** Gathers the rows of a run from its events. */
export const rows = (events: ReadonlyArray<Event>): ReadonlyArray<Row> => {
  const deployed = new Map<string, Deployed>()
  const rows: Array<Row> = []
  const told = new Set<string>()
  for (const event of events) {
    if (event._tag === "StepSucceeded" || event._tag === "StepSkipped") {
      const decoded = result(event.result)
      if (Option.isSome(decoded)) deployed.set(event.path.slice(0, event.path.lastIndexOf("/")), decoded.value.deployed)
    }
    const ended =
      event._tag === "StepSucceeded" ||
      event._tag === "StepFailed" ||
      event._tag === "StepInterrupted" ||
      event._tag === "StepSkipped"
    if (!ended || event.kind !== "item") continue
    const [, at, ...keys] = place.exec(event.path) ?? []
    const [server, service] = keys.map((key) => (key === undefined ? undefined : decodeKey(key)))
    if (at === undefined || server === undefined) continue
    const done = deployed.get(event.path)
    const outcome = outcomes[event._tag]
    if (done !== undefined) rows.push({ ...done, because: done.because.join("; "), millis: event.millis })
    else if (service !== undefined)
      rows.push({ service, server, version: "", digest: "", outcome, because: "", millis: event.millis })
    else if (event._tag !== "StepSucceeded" && !told.has(at)) {
      // Its tunnel failed, or it was not begun: none of its services has a row of its own.
      rows.push({ service: "", server, version: "", digest: "", outcome, because: "", millis: event.millis })
    }
    told.add(at)
  }
  return rows
}

type Column = "SERVICE" | "SERVER" | "VERSION" | "DIGEST" | "DONE" | "TIME" | "WHY"

const cell: Readonly<Record<Column, (row: Row) => string>> = {
  SERVICE: ({ service }) => oneLine(service),
  SERVER: ({ server }) => oneLine(server),
  VERSION: ({ version }) => printable(version),
  DIGEST: ({ digest }) => shortDigest(printable(digest)),
  DONE: ({ outcome }) => outcome,
  TIME: ({ millis }) => formatDuration(millis),
  WHY: ({ because }) => oneLine(because)
}

/** What is shown, the widest first. */
const choices: ReadonlyArray<ReadonlyArray<Column>> = [
  ["SERVICE", "SERVER", "VERSION", "DIGEST", "DONE", "TIME", "WHY"],
  ["SERVICE", "SERVER", "DONE", "TIME", "WHY"],
  ["SERVICE", "SERVER", "VERSION", "DIGEST", "DONE", "TIME"],
  ["SERVICE", "SERVER", "VERSION", "DONE", "TIME"],
  ["SERVICE", "SERVER", "DONE", "TIME"],
  ["SERVICE", "SERVER", "DONE"]
]

/** Lines of cells, the cells of a column below each other. */
export const layout = (lines: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd()
  )
}

/** The table of a run, with as many columns as go into a width. */
export const table = (all: ReadonlyArray<Row>, width: number): ReadonlyArray<string> => {
  if (all.length === 0) return []
  const isExplained = all.some(({ because }) => because !== "")
  const tables = choices
    .filter((columns) => isExplained || !columns.includes("WHY"))
    .map((columns) => layout([columns, ...all.map((row) => columns.map((column) => cell[column](row) || "-"))]))
  return tables.find((lines) => lines.every((line) => line.length <= width)) ?? tables.at(-1) ?? []
}

import { Option, Schema } from "effect"
import type { Event } from "../pipeline/Event.ts"
import { Deployed } from "../steps/Deploy.ts"
import { duration, parsePath } from "./describe.ts"

/** What happened to one service on one server. */
export interface Row {
  readonly service: string
  readonly server: string
  readonly version: string
  readonly digest: string
  readonly outcome: string
  readonly millis: number
}

const result = Schema.decodeUnknownOption(Schema.Struct({ deployed: Deployed }))

/** Gathers the rows of a run from its events. */
export const rows = (events: ReadonlyArray<Event>): ReadonlyArray<Row> => {
  const deployed = new Map<string, Deployed>()
  const rows: Array<Row> = []
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
    if (!ended || event.kind !== "item" || !/^[^/]+\/servers\[/.test(event.path)) continue
    const [server = "", service] = parsePath(event.path).keys
    const done = deployed.get(event.path)
    if (done !== undefined) rows.push({ ...done, millis: event.millis })
    else if (service !== undefined) {
      const outcome =
        event._tag === "StepFailed" ? "failed" : event._tag === "StepInterrupted" ? "interrupted" : "not begun"
      rows.push({ service, server, version: "", digest: "", outcome, millis: event.millis })
    } else if (event._tag !== "StepSucceeded" && !rows.some((row) => row.server === server)) {
      // Its tunnel failed, or it was not begun: none of its services has a row of its own.
      rows.push({ service: "", server, version: "", digest: "", outcome: "failed", millis: event.millis })
    }
  }
  return rows
}

const columns = ["SERVICE", "SERVER", "VERSION", "DIGEST", "DONE", "TIME"] as const

const cells = (row: Row, withDigest: boolean): ReadonlyArray<string> => [
  row.service === "" ? "-" : row.service,
  row.server,
  row.version === "" ? "-" : row.version,
  ...(withDigest ? [row.digest === "" ? "-" : row.digest.replace("sha256:", "").slice(0, 12)] : []),
  row.outcome,
  duration(row.millis)
]

const layout = (lines: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd()
  )
}

/** The table of a run, in lines no wider than asked where leaving the digest out is enough for that. */
export const table = (all: ReadonlyArray<Row>, width: number): ReadonlyArray<string> => {
  if (all.length === 0) return []
  const full = layout([columns, ...all.map((row) => cells(row, true))])
  if (full.every((line) => line.length <= width)) return full
  return layout([columns.filter((column) => column !== "DIGEST"), ...all.map((row) => cells(row, false))])
}

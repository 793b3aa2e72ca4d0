import type { Output } from "../reporters/Reporter.ts"
import { alignColumns } from "../reporters/table.ts"
import { painter } from "../reporters/text.ts"
import { outcomeLabels } from "./outcomeLabels.ts"
import type { StoredRun } from "./read.ts"
import { formatAgo, formatDateTime } from "./times.ts"
import { oneLine } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

type Column = "ID" | "WHEN" | "AGO" | "PROJECT" | "PIPELINE" | "ENVIRONMENT" | "OUTCOME" | "TIME" | "BY"

const cells: Readonly<Record<Column, (run: StoredRun, now: number) => string>> = {
  ID: ({ id }) => id,
  WHEN: ({ began }) => formatDateTime(began),
  AGO: ({ began }, now) => formatAgo(now - began),
  PROJECT: ({ project }) => project,
  PIPELINE: ({ pipeline, resumes }) => (resumes === undefined ? pipeline : `${pipeline} (resumed)`),
  ENVIRONMENT: ({ environment }) => environment ?? "",
  OUTCOME: ({ outcome }) => outcomeLabels[outcome].text,
  TIME: ({ millis }) => formatDuration(millis),
  BY: ({ who }) => who
}

/** The sets of columns to choose from, the widest first. */
const columnSets: ReadonlyArray<ReadonlyArray<Column>> = [
  ["ID", "WHEN", "AGO", "PROJECT", "PIPELINE", "ENVIRONMENT", "OUTCOME", "TIME", "BY"],
  ["ID", "AGO", "PROJECT", "PIPELINE", "ENVIRONMENT", "OUTCOME", "TIME", "BY"],
  ["ID", "AGO", "PROJECT", "PIPELINE", "ENVIRONMENT", "OUTCOME", "TIME"],
  ["ID", "AGO", "PROJECT", "PIPELINE", "OUTCOME"],
  ["ID", "AGO", "PROJECT", "OUTCOME"],
  ["ID", "AGO", "OUTCOME"],
  ["ID", "OUTCOME"]
]

/** The runs as a table with as many columns as fit the width. */
export const runsTable = (runs: ReadonlyArray<StoredRun>, now: number, { colors, columns }: Omit<Output, "write">) => {
  const paint = painter(colors)
  const tables = columnSets.map((set) =>
    alignColumns([
      ["  ID", ...set.slice(1)],
      ...runs.map((run) =>
        set.map((column) => {
          const text = oneLine(cells[column](run, now)) || "-"
          return column === "ID" ? `${outcomeLabels[run.outcome].sign} ${text}` : text
        })
      )
    ])
  )
  const [head = "", ...lines] =
    tables.find((lines) => lines.every((line) => Bun.stringWidth(line) <= columns)) ?? tables.at(-1) ?? []
  return [
    paint("bold", head),
    // Only the sign at the start of the line is colored.
    ...lines.map(
      (line, index) => `${paint(outcomeLabels[runs[index]?.outcome ?? "lost"].style, line.slice(0, 1))}${line.slice(1)}`
    )
  ]
}

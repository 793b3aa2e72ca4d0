import type { Output } from "../reporters/Reporter.ts"
import { layout } from "../reporters/table.ts"
import { painter } from "../reporters/text.ts"
import { told } from "./outcome.ts"
import type { RunKept } from "./read.ts"
import { ago, moment } from "./times.ts"
import { oneLine } from "../core/text.ts"
import { formatDuration } from "../core/units.ts"

type Column = "ID" | "WHEN" | "AGO" | "PROJECT" | "PIPELINE" | "ENVIRONMENT" | "OUTCOME" | "TIME" | "BY"

const cell: Readonly<Record<Column, (run: RunKept, now: number) => string>> = {
  ID: ({ id }) => id,
  WHEN: ({ began }) => moment(began),
  AGO: ({ began }, now) => ago(now - began),
  PROJECT: ({ project }) => project,
  PIPELINE: ({ pipeline }) => pipeline,
  ENVIRONMENT: ({ environment }) => environment ?? "",
  OUTCOME: ({ outcome }) => told[outcome].text,
  TIME: ({ millis }) => formatDuration(millis),
  BY: ({ who }) => who
}

/** What is shown, the widest first. */
const choices: ReadonlyArray<ReadonlyArray<Column>> = [
  ["ID", "WHEN", "AGO", "PROJECT", "PIPELINE", "ENVIRONMENT", "OUTCOME", "TIME", "BY"],
  ["ID", "AGO", "PROJECT", "PIPELINE", "ENVIRONMENT", "OUTCOME", "TIME", "BY"],
  ["ID", "AGO", "PROJECT", "PIPELINE", "ENVIRONMENT", "OUTCOME", "TIME"],
  ["ID", "AGO", "PROJECT", "PIPELINE", "OUTCOME"],
  ["ID", "AGO", "PROJECT", "OUTCOME"],
  ["ID", "AGO", "OUTCOME"],
  ["ID", "OUTCOME"]
]

/** The runs as a table, with as many columns as go into a width. */
export const table = (runs: ReadonlyArray<RunKept>, now: number, { colors, columns }: Omit<Output, "write">) => {
  const paint = painter(colors)
  const tables = choices.map((shown) =>
    layout([
      ["  ID", ...shown.slice(1)],
      ...runs.map((run) =>
        shown.map((column) => {
          const text = oneLine(cell[column](run, now)) || "-"
          return column === "ID" ? `${told[run.outcome].sign} ${text}` : text
        })
      )
    ])
  )
  const [head = "", ...lines] =
    tables.find((lines) => lines.every((line) => Bun.stringWidth(line) <= columns)) ?? tables.at(-1) ?? []
  return [
    paint("bold", head),
    // Every line begins with the sign of its run.
    ...lines.map(
      (line, index) => `${paint(told[runs[index]?.outcome ?? "lost"].style, line.slice(0, 1))}${line.slice(1)}`
    )
  ]
}

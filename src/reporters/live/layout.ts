import { truncate, type painter, signs } from "../text.ts"
import type { StepView } from "./running.ts"

/** Narrower screens have no room for aligned columns. */
const minColumns = 36

/** Columns that stay free, so that the cursor never wraps at the edge. */
const margin = 1

type Paint = ReturnType<typeof painter>

const rowText = ({ action, detail, subject, time }: StepView, columns: number): string => {
  const rest = [subject, detail].filter((part) => part !== "")
  const text =
    columns < minColumns
      ? [action, time, ...rest].filter((part) => part !== "").join(" ")
      : `${action.padEnd(8)} ${time.padStart(9)}  ${rest.join("  ")}`
  return text.trimEnd()
}

/** The columns beside the sign at the start of a line. */
const room = (columns: number): number => Math.max(1, columns - margin - 2)

/** One line for a step: action and time in aligned columns, then subject and detail in the remaining space. */
export const stepRow = (view: StepView, columns: number, paint: Paint): string => {
  const [sign, style] = signs[view.mark]
  const shown = truncate(rowText(view, columns), room(columns))
  return `${paint(style, sign)} ${view.mark === "skipped" || view.mark === "resumed" ? paint("dim", shown) : shown}`
}

/** Truncates a line to the screen. */
export const fitLine = (text: string, columns: number): string => truncate(text, Math.max(1, columns - margin))

/** Indented lines with the whole text. Breaks words that are longer than a line, because the screen does not wrap. */
const paragraph = (text: string, columns: number): ReadonlyArray<string> =>
  Bun.wrapAnsi(text, Math.max(2, room(columns)), { hard: true })
    .split("\n")
    .map((line) => fitLine(`  ${line.trim()}`, columns))

/** The lines for a warning of a step. If the text does not fit, it stands below: no other line shows it. */
export const warningRows = (view: StepView, columns: number, paint: Paint): ReadonlyArray<string> =>
  Bun.stringWidth(rowText(view, columns)) <= room(columns)
    ? [stepRow(view, columns, paint)]
    : [stepRow({ ...view, detail: "" }, columns, paint), ...paragraph(view.detail, columns)]

/** The lines for a warning that belongs to no step. */
export const noticeRows = (text: string, columns: number, paint: Paint): ReadonlyArray<string> =>
  paragraph(text, columns).map((line, index) => paint("yellow", index === 0 ? `!${line.slice(1)}` : line))

/** Limits the lines to the screen's height, and counts the ones left out. */
export const fitRows = (lines: ReadonlyArray<string>, rows: number, columns: number): ReadonlyArray<string> => {
  // Leaves space for the finished steps above and for the cursor.
  const height = Math.max(1, Math.min(20, rows - 4))
  if (lines.length <= height) return lines
  const shown = lines.slice(0, height - 1)
  return [...shown, fitLine(`… and ${lines.length - shown.length} more`, columns)]
}

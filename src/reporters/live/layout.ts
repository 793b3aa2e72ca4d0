import { truncate, type painter, signs } from "../text.ts"
import type { StepView } from "./running.ts"

/** Narrower screens have no room for aligned columns. */
const minColumns = 36

/** Columns that stay free, so that the cursor never wraps at the edge. */
const margin = 1

/** One line for a step: action and time in aligned columns, then subject and detail in the remaining space. */
export const stepRow = (
  { action, mark, detail, subject, time }: StepView,
  columns: number,
  paint: ReturnType<typeof painter>
) => {
  const [sign, style] = signs[mark]
  const rest = [subject, detail].filter((part) => part !== "")
  const text =
    columns < minColumns
      ? [action, time, ...rest].filter((part) => part !== "").join(" ")
      : `${action.padEnd(8)} ${time.padStart(9)}  ${rest.join("  ")}`
  const shown = truncate(text.trimEnd(), Math.max(1, columns - margin - 2))
  return `${paint(style, sign)} ${mark === "skipped" ? paint("dim", shown) : shown}`
}

/** Truncates a line to the screen. */
export const fitLine = (text: string, columns: number): string => truncate(text, Math.max(1, columns - margin))

/** Limits the lines to the screen's height, and counts the ones left out. */
export const fitRows = (lines: ReadonlyArray<string>, rows: number, columns: number): ReadonlyArray<string> => {
  // Leaves space for the finished steps above and for the cursor.
  const room = Math.max(1, Math.min(20, rows - 4))
  if (lines.length <= room) return lines
  const shown = lines.slice(0, room - 1)
  return [...shown, fitLine(`… and ${lines.length - shown.length} more`, columns)]
}

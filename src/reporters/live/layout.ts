import { truncate, type painter, signs } from "../text.ts"
import type { RunningView } from "./running.ts"

/** Narrower screens have no room for columns. */
const roomy = 36

/** Columns that are left free, so that the cursor never stands behind the edge. */
const margin = 1

/** A line of a step: what was done and how long it took stand in columns; the rest takes the room that is left. */
export const row = (
  { action, mark, said, subject, time }: RunningView,
  columns: number,
  paint: ReturnType<typeof painter>
) => {
  const [sign, style] = signs[mark]
  const about = [subject, said].filter((part) => part !== "")
  const text =
    columns < roomy
      ? [action, time, ...about].filter((part) => part !== "").join(" ")
      : `${action.padEnd(8)} ${time.padStart(9)}  ${about.join("  ")}`
  const shown = truncate(text.trimEnd(), Math.max(1, columns - margin - 2))
  return `${paint(style, sign)} ${mark === "skipped" ? paint("dim", shown) : shown}`
}

/** A line of its own. */
export const line = (text: string, columns: number): string => truncate(text, Math.max(1, columns - margin))

/** As many as there is room for, and how many more there are. */
export const bounded = (lines: ReadonlyArray<string>, rows: number, columns: number): ReadonlyArray<string> => {
  // What has ended is to be seen above, and the cursor takes a row.
  const room = Math.max(1, Math.min(20, rows - 4))
  if (lines.length <= room) return lines
  const shown = lines.slice(0, room - 1)
  return [...shown, line(`… and ${lines.length - shown.length} more`, columns)]
}

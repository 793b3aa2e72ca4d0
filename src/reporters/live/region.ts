import type { Screen } from "../Reporter.ts"

const escape = "\u001b["
/** A terminal may consider a character wider than we do. If the line wrapped, all lines below would shift by one. */
const withoutWrap = (text: string): string => `${escape}?7l${text}${escape}?7h`

/** The lines at the bottom of a screen that are redrawn. The lines above them stay. */
export interface Region {
  /** Writes lines that stay above, and redraws the region below them. No line may be wider than the screen. */
  draw(above: ReadonlyArray<string>, lines: ReadonlyArray<string>): void
}

/** The cursor stays below the region, so that the terminal needs no cleanup if the process is killed. */
export const region = (screen: Pick<Screen, "write" | "columns" | "rows">): Region => {
  let drawn: ReadonlyArray<string> = []
  let columns = screen.columns

  /** The region's current height. A terminal that became narrower has wrapped its lines. */
  const height = (): number => {
    const rows = drawn.map((line) => Math.max(1, Math.ceil(Bun.stringWidth(line) / screen.columns)))
    return Math.min(
      rows.reduce((sum, each) => sum + each, 0),
      Math.max(0, screen.rows - 1)
    )
  }

  return {
    draw(above, lines) {
      const isSame = lines.length === drawn.length && lines.every((line, index) => line === drawn[index])
      if (above.length === 0 && isSame && columns === screen.columns) return
      const up = height()
      // Overwrites each line and erases its rest. Erasing everything first would flicker.
      const text = [...above, ...lines].map((line) => `${line}${escape}K\n`).join("")
      screen.write(withoutWrap(`\r${up === 0 ? "" : `${escape}${up}A`}${text}${escape}J`))
      drawn = lines
      columns = screen.columns
    }
  }
}

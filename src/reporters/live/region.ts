import type { Screen } from "../Reporter.ts"

const escape = "\u001b["
/** Without it, what a terminal takes for wider than we do would wrap, and every line below would be one off. */
const withoutWrap = (text: string): string => `${escape}?7l${text}${escape}?7h`

/** Lines at the bottom of a screen that are drawn anew, and lines above them that stay. */
export interface Region {
  /** Writes lines that stay, and below them those of now; none may be wider than the screen. */
  draw(above: ReadonlyArray<string>, lines: ReadonlyArray<string>): void
}

/** The cursor waits below the region, so that nothing has to be mended where the process ends at once. */
export const region = (screen: Pick<Screen, "write" | "columns" | "rows">): Region => {
  let drawn: ReadonlyArray<string> = []
  let columns = screen.columns

  /** Rows that the region takes by now: a terminal that has become narrower has broken its lines. */
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
      // Every line is written over the one that was there and its rest erased, which does not flicker.
      const text = [...above, ...lines].map((line) => `${line}${escape}K\n`).join("")
      screen.write(withoutWrap(`\r${up === 0 ? "" : `${escape}${up}A`}${text}${escape}J`))
      drawn = lines
      columns = screen.columns
    }
  }
}

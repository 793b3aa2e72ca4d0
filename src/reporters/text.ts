import { printable } from "../core/text.ts"
import type { Mark } from "./eventLine.ts"

/** Wraps text into printable lines. Never breaks a word, so that long URLs and paths can be copied. */
export const wrap = (text: string, columns: number): ReadonlyArray<string> =>
  text.split("\n").flatMap((line) => Bun.wrapAnsi(printable(line), Math.max(8, columns)).split("\n"))

/** Truncates text to a number of columns. */
export const truncate = (text: string, columns: number): string => {
  if (Bun.stringWidth(text) <= columns) return text
  const cut = Bun.sliceAnsi(text, 0, Math.max(0, columns - 1))
  // A wide character at the edge must not be cut in half.
  return `${Bun.stringWidth(cut) < columns ? cut : Bun.sliceAnsi(text, 0, Math.max(0, columns - 2))}…`
}

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const
export type Style = keyof typeof codes

/** Returns a function that styles text, or leaves it as it is without colors. */
export const painter =
  (colors: boolean) =>
  (style: Style, text: string): string =>
    colors ? `\u001b[${codes[style]}m${text}\u001b[0m` : text

/** The sign at the start of a line, and its style. */
export const signs: Readonly<Record<Mark, readonly [sign: string, style: Style]>> = {
  started: ["·", "cyan"],
  done: ["✓", "green"],
  resumed: ["✓", "dim"],
  skipped: ["-", "dim"],
  failed: ["✗", "red"],
  interrupted: ["!", "yellow"],
  note: [" ", "cyan"],
  warning: ["!", "yellow"],
  output: [" ", "dim"]
}

import type { Mark } from "./describe.ts"

/** What CI systems take for a command of their own, wherever it stands in a line: `##[error]`, `##vso[…]`. */
const order = /##(?=\[|vso\[)/g

/**
 * One line of a server's output, as text alone. It could move the cursor, ring the bell, recolour the screen or turn its
 * direction around; none of that is to reach a terminal, and no order is to reach a CI system. Of a line that was written
 * over, the last state stays.
 */
export const printable = (text: string): string => {
  const last = text.replace(/[\r\n]+$/, "")
  return Bun.stripANSI(last.slice(last.lastIndexOf("\r") + 1))
    .replaceAll("\t", "    ")
    .replaceAll(/[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, "")
    .replaceAll(order, "# #")
}

/** A text as one printable line. */
export const oneLine = (text: string): string => printable(text.replaceAll(/[\r\n]+/g, " "))

/** Breaks a text at spaces into printable lines of a width; a word that is longer stays whole, to be copied whole. */
export const wrapped = (text: string, columns: number): ReadonlyArray<string> =>
  text.split("\n").flatMap((line) => Bun.wrapAnsi(printable(line), Math.max(8, columns)).split("\n"))

/** `1 step`, `3 steps`. */
export const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`

/** Cuts a text to a number of columns. */
export const fit = (text: string, columns: number): string => {
  if (Bun.stringWidth(text) <= columns) return text
  const cut = Bun.sliceAnsi(text, 0, Math.max(0, columns - 1))
  // A wide character at the edge is taken whole.
  return `${Bun.stringWidth(cut) < columns ? cut : Bun.sliceAnsi(text, 0, Math.max(0, columns - 2))}…`
}

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
export type Style = keyof typeof codes

/** Paints a text, or leaves it as it is. */
export const painter =
  (colors: boolean) =>
  (style: Style, text: string): string =>
    colors ? `\u001b[${codes[style]}m${text}\u001b[0m` : text

/** The sign at the beginning of a line. */
export const signs: Readonly<Record<Mark, readonly [sign: string, style: Style]>> = {
  started: ["·", "cyan"],
  done: ["✓", "green"],
  skipped: ["-", "dim"],
  failed: ["✗", "red"],
  interrupted: ["!", "yellow"],
  note: [" ", "cyan"],
  warning: ["!", "yellow"],
  output: [" ", "dim"]
}

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

/** `1 step`, `3 steps`. */
export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`

/** `a, b and c`. */
export const joinWords = (words: ReadonlyArray<string>, last = "and"): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${last} ${words[words.length - 1]}`

/** Commands that CI systems recognize anywhere in a line: `##[error]`, `##vso[…]`. */
const ciCommand = /##(?=\[|vso\[)/g

/**
 * Makes a line of command output safe to print. Removes escape sequences, control characters and text direction marks,
 * which could move the cursor or hide text, and defuses commands for CI systems. If the line was overwritten using
 * carriage returns, keeps only the last version.
 */
export const printable = (text: string): string => {
  const last = text.replace(/[\r\n]+$/, "")
  return Bun.stripANSI(last.slice(last.lastIndexOf("\r") + 1))
    .replaceAll("\t", "    ")
    .replaceAll(/[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, "")
    .replaceAll(ciCommand, "# #")
}

/** Follows a text that jiji cut. The scrubber knows it, and also removes the beginning of a secret that stands before it. */
export const cutMark = " … (cut)"

/** Cuts a text that is too long. Always use this for text that is not scrubbed yet: a plain cut would leave half a secret. */
export const cut = (text: string, maxLength: number): string =>
  text.length <= maxLength ? text : text.slice(0, maxLength) + cutMark

/** Joins the lines of a text and makes the result safe to print. */
export const oneLine = (text: string): string => printable(text.replaceAll(/[\r\n]+/g, " "))

/** Returns a count with its noun: `1 step`, `3 steps`. */
export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`

/** Returns the text with a capital first letter. */
export const capitalize = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** Joins words into a list: `a, b and c`. */
export const joinWords = (words: ReadonlyArray<string>, last = "and"): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${last} ${words[words.length - 1]}`

/** The same, but of more than four words, names three and counts the others. */
export const joinFirst = (words: ReadonlyArray<string>, last?: string): string =>
  joinWords(words.length > 4 ? [...words.slice(0, 3), `${words.length - 3} more`] : words, last)

/** `smokeTest` as a flag: `smoke-test`. */
export const kebab = (name: string): string =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replaceAll(/_/g, "-")
    .toLowerCase()

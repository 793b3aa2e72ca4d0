import { printable } from "../core/text.ts"

/**
 * A text of several lines. It may quote what a server or a program wrote, and a line of that is not to begin one of ours:
 * there a CI takes some words for its own commands.
 */
export const block = (sign: string, text: string, next = "  | "): string =>
  `${sign}${text.split("\n").map(printable).join(`\n${next}`)}\n`

/** What is no reason to fail, and what to do about it where that is not plain. */
export const warning = (text: string, remedy?: string): string =>
  `${block("warning: ", text)}${remedy === undefined ? "" : block("  → ", remedy)}`

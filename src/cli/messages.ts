import { printable } from "../core/text.ts"

/**
 * Starts a text with `prefix`, and each further line with `continuation`. The text may quote a server or a program, and no
 * line of ours may start with such a quote: CI systems execute commands like `::stop-commands::` there.
 */
export const prefixLines = (prefix: string, text: string, continuation = "  | "): string =>
  `${prefix}${text.split("\n").map(printable).join(`\n${continuation}`)}\n`

/** A warning, and what to do about it. */
export const warningText = (text: string, remedy?: string): string =>
  `${prefixLines("warning: ", text)}${remedy === undefined ? "" : prefixLines("  → ", remedy)}`

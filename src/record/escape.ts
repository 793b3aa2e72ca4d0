import { printable } from "../core/text.ts"

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

/** One line of any text as HTML that says the same, in an element or in an attribute with quotes. */
export const escape = (text: string): string => printable(text).replaceAll(/[&<>"']/g, (found) => entities[found] ?? "")

/** The same for a text of several lines. */
export const escapeLines = (text: string): string => text.split("\n").map(escape).join("\n")

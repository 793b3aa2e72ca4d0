import { printable } from "../core/text.ts"

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

/** Escapes one line of text for an element's content or a quoted attribute. */
export const escapeHtml = (text: string): string =>
  printable(text).replaceAll(/[&<>"']/g, (found) => entities[found] ?? "")

/** The same for text with several lines. */
export const escapeHtmlLines = (text: string): string => text.split("\n").map(escapeHtml).join("\n")

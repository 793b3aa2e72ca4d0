import type { Output, Reporter } from "./Reporter.ts"

/** Characters that JSON does not escape, but that control a terminal or a CI system, or end a line. */
// oxlint-disable-next-line no-control-regex -- matches control characters
const unsafe = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]|#(?=#(?:\[|vso\[))/g

const unicodeEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

/** A value as one line of JSON that is safe to print to a terminal or a CI log. */
export const jsonLine = (value: object): string => `${JSON.stringify(value).replaceAll(unsafe, unicodeEscape)}\n`

/** A value as indented JSON that is as safe to print, without an end of line. */
export const prettyJson = (value: unknown): string => JSON.stringify(value, null, 2).replaceAll(unsafe, unicodeEscape)

/** Writes one event per line as JSON, for programs (docs/events.schema.json). */
export const json = (output: Pick<Output, "write">): Reporter => ({
  event: (event) => output.write(jsonLine(event)),
  end: () => {}
})

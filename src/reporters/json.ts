import type { Output, Reporter } from "./Reporter.ts"

/** What JSON leaves as it is and a terminal or a CI system obeys, or a reader of lines takes for the end of one. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const unprintable = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]|#(?=#(?:\[|vso\[))/g

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

/** A value as one line of JSON that does nothing to whoever looks at it. */
export const jsonLine = (value: object): string => `${JSON.stringify(value).replaceAll(unprintable, escaped)}\n`

/** For programs: one event a line, as JSON (docs/events.schema.json). */
export const json = (output: Pick<Output, "write">): Reporter => ({
  event: (event) => output.write(jsonLine(event)),
  end: () => {}
})

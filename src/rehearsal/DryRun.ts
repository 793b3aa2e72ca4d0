import type { Machine } from "../layers/shell/Machine.ts"
import type { Entry } from "./Recording.ts"
import { entryLines } from "./commandText.ts"

type Scrub = (text: string) => string

const heading = (machine: Machine, scrub: Scrub): string => {
  if (machine._tag === "Local") return "on this machine"
  const { host, name, port, user } = machine.server
  return `on ${scrub(`${name} (${user === undefined ? "" : `${user}@`}${host}${port === undefined ? "" : `:${port}`})`)}`
}

/**
 * Formats recorded entries as lines of text, grouped by machine. The numbers show the order across all machines. `scrub`
 * removes secrets from what was recorded.
 */
export const lines = (entries: ReadonlyArray<Entry>, scrub: Scrub = (text) => text): ReadonlyArray<string> => {
  const headings = entries.map(({ machine }) => heading(machine, scrub))
  const places = [...new Set(headings)]
  const numbered = entries.map((entry, index) => ({ entry, number: String(index + 1).padStart(4) }))
  return places.flatMap((place) => [
    "",
    `${place}:`,
    ...numbered
      .filter((_, index) => headings[index] === place)
      .flatMap(({ entry, number }) =>
        entryLines(entry).map((line, index) => `${index === 0 ? number : "    "}  ${scrub(line)}`)
      )
  ])
}

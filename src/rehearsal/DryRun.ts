import type { Machine } from "../layers/shell/Machine.ts"
import type { Entry } from "./Recording.ts"
import { entryText } from "./commandText.ts"

const heading = (machine: Machine): string => {
  if (machine._tag === "Local") return "on this machine"
  const { host, name, port, user } = machine.server
  return `on ${name} (${user === undefined ? "" : `${user}@`}${host}${port === undefined ? "" : `:${port}`})`
}

/** Formats recorded entries as lines of text, grouped by machine. The numbers show the order across all machines. */
export const lines = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> => {
  const places = [...new Set(entries.map(({ machine }) => heading(machine)))]
  const numbered = entries.map((entry, index) => ({ entry, number: String(index + 1).padStart(4) }))
  return places.flatMap((place) => [
    "",
    `${place}:`,
    ...numbered
      .filter(({ entry }) => heading(entry.machine) === place)
      .map(({ entry, number }) => `${number}  ${entryText(entry)}`)
  ])
}

import type { Machine } from "../layers/shell/Machine.ts"
import type { Entry } from "./Recording.ts"
import { entryText } from "./commandText.ts"

const where = (machine: Machine): string => {
  if (machine._tag === "Local") return "on this machine"
  const { host, name, port, user } = machine.server
  return `on ${name} (${user === undefined ? "" : `${user}@`}${host}${port === undefined ? "" : `:${port}`})`
}

/** What was recorded, by machine: each command in order, numbered through all machines. */
export const lines = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> => {
  const places = [...new Set(entries.map(({ machine }) => where(machine)))]
  const numbered = entries.map((entry, index) => ({ entry, number: String(index + 1).padStart(4) }))
  return places.flatMap((place) => [
    "",
    `${place}:`,
    ...numbered
      .filter(({ entry }) => where(entry.machine) === place)
      .map(({ entry, number }) => `${number}  ${entryText(entry)}`)
  ])
}

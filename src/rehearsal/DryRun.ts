import { collectAfter } from "../core/collectGarbage.ts"
import type { Machine } from "../layers/shell/Machine.ts"
import type { Entry } from "./Recording.ts"
import { entryText } from "./commandText.ts"

/** About how many bytes of garbage it takes to quote and to scrub a command. */
const garbagePerLine = 8 * 1024

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
  const places = new Map<string, Array<string>>()
  for (const [index, entry] of entries.entries()) {
    const place = heading(entry.machine, scrub)
    const line = `${String(index + 1).padStart(4)}  ${scrub(entryText(entry))}`
    const known = places.get(place)
    if (known === undefined) places.set(place, [line])
    else known.push(line)
    collectAfter(garbagePerLine)
  }
  return [...places].flatMap(([place, own]) => ["", `${place}:`, ...own])
}

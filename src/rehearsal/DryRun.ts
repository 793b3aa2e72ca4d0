import { collectAfter } from "../core/collectGarbage.ts"
import type { Machine } from "../layers/shell/Machine.ts"
import type { Entry } from "./Recording.ts"
import { entryLines } from "./commandText.ts"

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
    const number = String(index + 1).padStart(4)
    const own = entryLines(entry).map((line, nth) => `${nth === 0 ? number : "    "}  ${scrub(line)}`)
    const known = places.get(place)
    if (known === undefined) places.set(place, own)
    else known.push(...own)
    collectAfter(garbagePerLine * own.length)
  }
  return [...places].flatMap(([place, own]) => ["", `${place}:`, ...own])
}

import type { Event } from "../core/Event.ts"

/** How many runs are kept, how old they get, and how much of them all: the oldest go first. */
export const kept = { runs: 200, days: 90, bytes: 256 * 1024 * 1024 } as const

/** Bytes of a run's output that are kept from its beginning, and from its end. */
export const output = { first: 4 * 1024 * 1024, last: 1024 * 1024 } as const

/** Characters of a line that are kept. */
const longestLine = 8 * 1024

/** Lines of a step that failed that are kept wherever they stand. */
const ofFailed = 50

/** An event as it is kept. */
export interface Kept {
  readonly seq: number
  readonly path: string
  readonly body: string
}

/** What is said while a step is at it; there may be any number of these. */
const isTalk = ({ _tag }: Event): boolean => _tag === "StepOutput" || _tag === "StepProgress" || _tag === "StepNoted"

const cut = (event: Event): Event =>
  event._tag === "StepOutput" && event.line.length > longestLine
    ? { ...event, line: `${event.line.slice(0, longestLine)} … (cut)` }
    : event

/** Of what follows at once on each other, only the last of a progress is worth keeping. */
export const withoutOldProgress = (events: ReadonlyArray<Event>): ReadonlyArray<Event> => {
  const seen = new Set<string>()
  return events
    .toReversed()
    .filter((event) => {
      if (event._tag !== "StepProgress") return true
      const key = `${event.path}\n${event.label}`
      return !seen.has(key) && seen.add(key)
    })
    .toReversed()
}

/** Chooses what of one run is kept: all that it did, and of what was said meanwhile the beginning and the end. */
export const chooser = (most: { readonly first: number; readonly last: number } = output) => {
  let room: number = most.first
  let waiting: Array<Kept> = []
  let size = 0
  let dropped = 0

  const wait = (event: Kept) => {
    waiting.push(event)
    size += event.body.length
    if (size <= 2 * most.last) return
    // Seldom and many at once: an array does not like to lose its first.
    let from = 0
    while (size > most.last) size -= waiting[from++]?.body.length ?? 0
    dropped += from
    waiting = waiting.slice(from)
  }
  const release = (chosen: ReadonlyArray<Kept>): ReadonlyArray<Kept> => {
    const gone = new Set(chosen)
    waiting = waiting.filter((event) => !gone.has(event))
    size = waiting.reduce((sum, { body }) => sum + body.length, 0)
    return chosen
  }
  return {
    /** What is kept from here on, in any order. */
    take: (event: Event): ReadonlyArray<Kept> => {
      const made = { seq: event.seq, path: event.path, body: JSON.stringify(cut(event)) }
      if (isTalk(event)) {
        if ((room -= made.body.length) >= 0) return [made]
        room = 0
        wait(made)
        return []
      }
      if (event._tag !== "StepFailed" || event.kind !== "step") return [made]
      return [made, ...release(waiting.filter(({ path }) => path === event.path).slice(-ofFailed))]
    },
    /** What is kept of what was not yet taken, when the run has ended. */
    rest: (): ReadonlyArray<Kept> => {
      let from = 0
      while (size > most.last) size -= waiting[from++]?.body.length ?? 0
      dropped += from
      return release(waiting.slice(from))
    },
    /** How many were left out so far. */
    get dropped() {
      return dropped
    }
  }
}

import type { Event } from "../core/Event.ts"
import { cut } from "../core/text.ts"

/** How many runs are kept, how old they may get, and how large they may be together. The oldest are deleted first. */
export const historyLimits = { runs: 200, days: 90, bytes: 256 * 1024 * 1024 } as const

/** How many bytes of a run's output are stored: the first ones and the last ones. */
const outputLimits = { first: 4 * 1024 * 1024, last: 1024 * 1024 } as const

/** In characters. */
const maxLineLength = 8 * 1024

/** The last lines of a failed step are stored even if they lie between the first and the last output of the run. */
const maxFailedStepLines = 50

/** An event in the form in which it is stored. */
export interface StoredEvent {
  readonly seq: number
  readonly path: string
  readonly body: string
}

/** Whether a running step sent this event. Only the number of these events is unlimited. */
const isOutput = ({ _tag }: Event): boolean => _tag === "StepOutput" || _tag === "StepProgress" || _tag === "StepNoted"

const truncateLine = (event: Event): Event =>
  event._tag === "StepOutput" ? { ...event, line: cut(event.line, maxLineLength) } : event

/** Drops progress events that a later one in the same batch replaces. */
export const latestProgress = (events: ReadonlyArray<Event>): ReadonlyArray<Event> => {
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

/** Selects which events of a run are stored: everything it did, and the first and last part of its output. */
export const eventSelector = (limits: { readonly first: number; readonly last: number } = outputLimits) => {
  let room: number = limits.first
  let buffered: Array<StoredEvent> = []
  let size = 0
  let dropped = 0

  const buffer = (event: StoredEvent) => {
    buffered.push(event)
    size += event.body.length
    if (size <= 2 * limits.last) return
    // Removes many at once, because removing the first element of an array is slow.
    let from = 0
    while (size > limits.last) size -= buffered[from++]?.body.length ?? 0
    dropped += from
    buffered = buffered.slice(from)
  }
  const release = (selected: ReadonlyArray<StoredEvent>): ReadonlyArray<StoredEvent> => {
    const gone = new Set(selected)
    buffered = buffered.filter((event) => !gone.has(event))
    size = buffered.reduce((sum, { body }) => sum + body.length, 0)
    return selected
  }
  return {
    /** Takes the next event and returns the events to store now, in any order. */
    add: (event: Event): ReadonlyArray<StoredEvent> => {
      const stored = { seq: event.seq, path: event.path, body: JSON.stringify(truncateLine(event)) }
      if (isOutput(event)) {
        if ((room -= stored.body.length) >= 0) return [stored]
        room = 0
        buffer(stored)
        return []
      }
      if (event._tag !== "StepFailed" || event.kind !== "step") return [stored]
      return [stored, ...release(buffered.filter(({ path }) => path === event.path).slice(-maxFailedStepLines))]
    },
    /** Returns the last part of the output. Call it when the run has ended. */
    flush: (): ReadonlyArray<StoredEvent> => {
      let from = 0
      while (size > limits.last) size -= buffered[from++]?.body.length ?? 0
      dropped += from
      return release(buffered.slice(from))
    },
    /** How many events were dropped so far. */
    get dropped() {
      return dropped
    }
  }
}

import type { Event } from "../core/Event.ts"
import { cut } from "../core/text.ts"
import type { StoredEvent } from "./RunStore.ts"

/** How many characters of a run's output are stored: the first ones and the last ones. */
const outputLimits = { first: 4 * 1024 * 1024, last: 1024 * 1024 } as const

/** In characters. */
const maxLineLength = 8 * 1024

const isOutput = ({ _tag }: Event): boolean => _tag === "StepOutput" || _tag === "StepProgress" || _tag === "StepNoted"

/** How many rows one statement can add or delete: SQLite allows 32,766 parameters. */
const maxRows = 5000

/**
 * Selects which events of a run are stored: everything that it did, and the first and last part of its output. Output in
 * between is stored, too, so that who watches sees it, and deleted later. `base` is the position before the first event.
 */
export const eventKeeper = (base: number, limits: { readonly first: number; readonly last: number } = outputLimits) => {
  let room = limits.first
  let tail: Array<{ readonly position: number; readonly size: number }> = []
  let size = 0
  return {
    /** Takes the next events. Returns the ones to store, and the positions of those to delete. */
    add: (
      events: ReadonlyArray<Event>
    ): { readonly add: ReadonlyArray<StoredEvent>; readonly drop: ReadonlyArray<number> } => {
      const add = events.map((event) => {
        const shown = event._tag === "StepOutput" ? { ...event, line: cut(event.line, maxLineLength) } : event
        const stored = { position: base + event.seq, body: JSON.stringify(shown) }
        if (isOutput(event)) {
          room -= stored.body.length
          if (room < 0) {
            tail.push({ position: stored.position, size: stored.body.length })
            size += stored.body.length
          }
        }
        return stored
      })
      // Many at once, since removing the first element of an array is slow.
      if (size <= 2 * limits.last) return { add, drop: [] }
      let end = 0
      while (size > limits.last && end < maxRows) size -= tail[end++]?.size ?? 0
      const drop = tail.slice(0, end).map(({ position }) => position)
      tail = tail.slice(end)
      return { add, drop }
    }
  }
}

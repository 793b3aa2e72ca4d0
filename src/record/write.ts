import type { Database } from "bun:sqlite"
import { type Event, isEnd } from "../core/Event.ts"
import type { Kept } from "./bounds.ts"
import { own } from "./Owner.ts"

/** What is known of a run besides its events. */
export interface About {
  readonly project: string
  readonly environment?: string
  /** The names of its servers. */
  readonly servers: ReadonlyArray<string>
  /** `user@machine`. */
  readonly who: string
}

const outcomes = { RunSucceeded: "succeeded", RunFailed: "failed", RunInterrupted: "interrupted" } as const

/** Events of one run, and what of them is kept. */
export interface Batch {
  readonly events: ReadonlyArray<Event>
  readonly kept: ReadonlyArray<Kept>
  /** How many were left out since the run began. */
  readonly dropped: number
}

/** Writes batch after batch of a run, each as one change of the record. */
export const writer = (db: Database, { environment, project, servers, who }: About) => {
  const begin = db.query<{ readonly number: number }, Array<string | number | null>>(
    `INSERT INTO runs (id, pipeline, project, environment, servers, who, owner, began, seen)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number`
  )
  const insert = db.query("INSERT INTO events (run, seq, body) VALUES (?, ?, ?)")
  const grow = db.query("UPDATE runs SET seen = ?, bytes = bytes + ?, dropped = ? WHERE number = ?")
  const end = db.query("UPDATE runs SET outcome = ?, millis = ? WHERE number = ?")
  let number: number | undefined

  return db.transaction(({ dropped, events, kept }: Batch) => {
    for (const event of events) {
      if (event._tag !== "RunStarted") continue
      const { name, run, time } = event
      const about = [environment ?? null, JSON.stringify(servers), who, own()] as const
      number = begin.get(run, name, project, ...about, time, time)?.number
    }
    if (number === undefined) return
    for (const { body, seq } of kept) insert.run(number, seq, body)
    const bytes = kept.reduce((sum, { body }) => sum + body.length, 0)
    grow.run(events.at(-1)?.time ?? 0, bytes, dropped, number)
    for (const event of events) {
      if (isEnd(event)) end.run(outcomes[event._tag], event.millis, number)
    }
    // The lock is taken before anything is done, so that what others do cannot fail it in the middle.
  }).immediate
}

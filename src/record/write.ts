import type { Database } from "bun:sqlite"
import { type Event, isEnd } from "../core/Event.ts"
import type { StoredEvent } from "./limits.ts"
import { currentOwner } from "./Owner.ts"

/** What the history stores about a run besides its events. */
export interface RunInfo {
  readonly project: string
  readonly environment?: string
  /** The names of the project's servers. */
  readonly servers: ReadonlyArray<string>
  /** `user@machine`. */
  readonly who: string
}

const outcomes = { RunSucceeded: "succeeded", RunFailed: "failed", RunInterrupted: "interrupted" } as const

/** How a run ended. One that waits in `jiji serve` is interrupted, and goes on later. */
const outcomeOf = (event: Extract<Event, { readonly _tag: keyof typeof outcomes }>): string =>
  event._tag === "RunInterrupted" && event.waits !== undefined ? "waiting" : outcomes[event._tag]

/** Events of one run, and the ones among them to store. */
export interface Batch {
  readonly events: ReadonlyArray<Event>
  readonly selected: ReadonlyArray<StoredEvent>
  /** How many events were dropped since the run began. */
  readonly dropped: number
}

/** Returns a function that adds a run of this process to the history, and returns its number there. `began`: epoch milliseconds. */
export const runStarter = (db: Database, { environment, project, servers, who }: RunInfo) => {
  const begin = db.query<{ readonly number: number }, Array<string | number | null>>(
    `INSERT INTO runs (id, pipeline, project, environment, servers, who, owner, began, seen)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     -- The journal may have added the run.
     ON CONFLICT (id) DO UPDATE SET began = excluded.began, seen = excluded.seen RETURNING number`
  )
  return (id: string, pipeline: string, began: number): number | undefined => {
    const info = [environment ?? null, JSON.stringify(servers), who, currentOwner()] as const
    return begin.get(id, pipeline, project, ...info, began, began)?.number
  }
}

/** Returns a function that writes the batches of a run, each in one transaction. */
export const runWriter = (db: Database, info: RunInfo) => {
  const begin = runStarter(db, info)
  const insert = db.query("INSERT INTO events (run, seq, body) VALUES (?, ?, ?)")
  const update = db.query("UPDATE runs SET seen = ?, bytes = bytes + ?, dropped = ? WHERE number = ?")
  const end = db.query("UPDATE runs SET outcome = ?, millis = ? WHERE number = ?")
  let number: number | undefined

  return db.transaction(({ dropped, events, selected }: Batch) => {
    for (const event of events) {
      if (event._tag !== "RunStarted") continue
      number = begin(event.run, event.name, event.time)
    }
    if (number === undefined) return
    for (const { body, seq } of selected) insert.run(number, seq, body)
    const bytes = selected.reduce((sum, { body }) => sum + body.length, 0)
    update.run(events.at(-1)?.time ?? 0, bytes, dropped, number)
    for (const event of events) {
      if (isEnd(event)) end.run(outcomeOf(event), event.millis, number)
    }
    // Takes the write lock first, so that another writer cannot make the transaction fail halfway.
  }).immediate
}

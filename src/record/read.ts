import type { Database } from "bun:sqlite"
import { existsSync } from "node:fs"
import { Clock, Effect, Option, Schema } from "effect"
import { suggest } from "../config/suggest.ts"
import { Event } from "../core/Event.ts"
import { attempt, open } from "./Database.ts"
import { isAlive } from "./Owner.ts"
import { NoRunKept, RunAmbiguous, RunNotFound } from "./RecordError.ts"

/** Epoch milliseconds that are a date. */
const Time = Schema.Int.check(Schema.isBetween({ minimum: -8.64e15, maximum: 8.64e15 }))

const Row = Schema.Struct({
  number: Schema.Int,
  id: Schema.String,
  pipeline: Schema.String,
  project: Schema.String,
  environment: Schema.NullOr(Schema.String),
  servers: Schema.fromJsonString(Schema.Array(Schema.String)),
  who: Schema.String,
  owner: Schema.String,
  began: Time,
  seen: Time,
  outcome: Schema.NullOr(Schema.Literals(["succeeded", "failed", "interrupted"])),
  millis: Schema.NullOr(Schema.Int),
  dropped: Schema.Int
})

/** `lost` is one whose process is gone without having said how it ended. */
export type Outcome = "succeeded" | "failed" | "interrupted" | "running" | "lost"

/** A run that is kept. */
export interface RunKept {
  readonly id: string
  readonly pipeline: string
  readonly project: string
  readonly environment?: string
  /** The names of its project's servers. */
  readonly servers: ReadonlyArray<string>
  /** `user@machine`. */
  readonly who: string
  /** Epoch milliseconds. */
  readonly began: number
  readonly outcome: Outcome
  /** How long it took, or was heard of so far. */
  readonly millis: number
  /** How much of what its steps said was left out. */
  readonly dropped: number
}

/** How long a run of another machine, in a folder that both use, counts as running after its last event. */
const heardOf = 24 * 60 * 60 * 1000

const runKept = (row: typeof Row.Type, now: number): RunKept => {
  const { began, dropped, environment, id, millis, owner, pipeline, project, seen, servers, who } = row
  const alive = row.outcome === null && (isAlive(owner) ?? now - seen < heardOf)
  const outcome = row.outcome ?? (alive ? "running" : "lost")
  return {
    id,
    pipeline,
    project,
    ...(environment !== null && { environment }),
    servers,
    who,
    began,
    outcome,
    millis: millis ?? (alive ? now : seen) - began,
    dropped
  }
}

const decodeRow = Schema.decodeUnknownOption(Row)
const decodeEvent = Schema.decodeUnknownOption(Schema.fromJsonString(Event))
const isTime = Schema.is(Time)

/** The runs that are kept and understood, the newest first. There are never many. */
const rows = (file: string, db: Database) =>
  Effect.map(
    attempt(file, () => db.query("SELECT * FROM runs ORDER BY began DESC, number DESC").all()),
    (found) => found.flatMap((row) => Option.toArray(decodeRow(row)))
  )

/** The newest of the runs that are kept, the newest first. */
export const list = Effect.fnUntraced(function* (file: string, most: number) {
  if (!existsSync(file)) return []
  const now = yield* Clock.currentTimeMillis
  const found = yield* rows(file, yield* open(file))
  return found.slice(0, most).map((row) => runKept(row, now))
}, Effect.scoped)

/** Finds a run by the beginning of its ID, or the last one where none is given. */
const find = Effect.fnUntraced(function* (file: string, db: Database, id: Option.Option<string>) {
  const all = yield* rows(file, db)
  if (Option.isNone(id)) return all[0] ?? (yield* new NoRunKept({ file }))
  const given = id.value.toLowerCase()
  const found = all.filter((row) => row.id.startsWith(given))
  const [first] = found
  const exact = found.find((row) => row.id === given) ?? (found.length === 1 ? first : undefined)
  if (exact !== undefined) return exact
  if (first !== undefined) {
    const some = found.slice(0, 3).map(({ id }) => id)
    return yield* new RunAmbiguous({ id: given, some, count: found.length })
  }
  // What was given may be the beginning of one.
  const near = suggest(given, [...new Set(all.map((row) => row.id.slice(0, Math.max(4, given.length))))])
  const meant = near === undefined ? undefined : all.find((row) => row.id.startsWith(near))?.id
  return yield* new RunNotFound({ id: id.value, ...(meant !== undefined && { nearest: meant }) })
})

/** A run, with those of its events that are kept and understood, in order. */
export const read = Effect.fnUntraced(function* (file: string, id: Option.Option<string>) {
  if (!existsSync(file)) return yield* new NoRunKept({ file })
  const now = yield* Clock.currentTimeMillis
  const db = yield* open(file)
  const row = yield* find(file, db, id)
  const bodies = yield* attempt(file, () =>
    db
      .query("SELECT body FROM events WHERE run = ? ORDER BY seq")
      .values(row.number)
      .map(([body]) => body)
  )
  const events = bodies.flatMap((body) => Option.toArray(decodeEvent(body))).filter(({ time }) => isTime(time))
  return { run: runKept(row, now), events }
}, Effect.scoped)

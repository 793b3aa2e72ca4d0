import type { Database } from "bun:sqlite"
import { existsSync } from "node:fs"
import { Clock, Effect, Option, Schema } from "effect"
import { suggest } from "../config/suggest.ts"
import { Event } from "../core/Event.ts"
import { openDatabase, tryDatabase } from "./Database.ts"
import { isAlive } from "./Owner.ts"
import { NoRunKept, RunAmbiguous, RunNotFound } from "./RecordError.ts"

/** Epoch milliseconds within the range of a Date. */
const Time = Schema.Int.check(Schema.isBetween({ minimum: -8.64e15, maximum: 8.64e15 }))

const RunRow = Schema.Struct({
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
  outcome: Schema.NullOr(Schema.Literals(["succeeded", "failed", "interrupted", "waiting"])),
  millis: Schema.NullOr(Schema.Int),
  dropped: Schema.Int,
  input: Schema.NullOr(Schema.String),
  resumes: Schema.NullOr(Schema.String)
})

/** `lost`: the process is gone, and the run's end was never recorded. */
export type RunOutcome = "succeeded" | "failed" | "interrupted" | "running" | "waiting" | "lost"

/** A run in the history. */
export interface StoredRun {
  readonly id: string
  readonly pipeline: string
  readonly project: string
  readonly environment?: string
  /** The names of the project's servers. */
  readonly servers: ReadonlyArray<string>
  /** `user@machine`. */
  readonly who: string
  /** Epoch milliseconds. */
  readonly began: number
  readonly outcome: RunOutcome
  /** How long the run took; for `running` and `lost`, the time until now or until its last event. */
  readonly millis: number
  /** How many events were dropped because the output was too long. */
  readonly dropped: number
  /** The ID of the run that it continues. */
  readonly resumes?: string
}

/** How long after its last event a run on another machine still counts as running. Machines may share the folder. */
const staleAfter = 24 * 60 * 60 * 1000

export const toStoredRun = (row: typeof RunRow.Type, now: number): StoredRun => {
  const { began, dropped, environment, id, millis, owner, pipeline, project, resumes, seen, servers, who } = row
  const alive = row.outcome === null && (isAlive(owner) ?? now - seen < staleAfter)
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
    dropped,
    ...(resumes !== null && { resumes })
  }
}

const decodeRow = Schema.decodeUnknownOption(RunRow)
const decodeEvent = Schema.decodeUnknownOption(Schema.fromJsonString(Event))
const isTime = Schema.is(Time)

/** The runs in the history, the newest first, without rows that cannot be decoded. There are few, so it reads all. */
export const readRows = (file: string, db: Database) =>
  Effect.map(
    tryDatabase(file, () => db.query("SELECT * FROM runs ORDER BY began DESC, number DESC").all()),
    (found) => found.flatMap((row) => Option.toArray(decodeRow(row)))
  )

/** The last runs, the newest first. */
export const listRuns = Effect.fnUntraced(function* (file: string, limit: number) {
  if (!existsSync(file)) return []
  const now = yield* Clock.currentTimeMillis
  const found = yield* readRows(file, yield* openDatabase(file))
  return found.slice(0, limit).map((row) => toStoredRun(row, now))
}, Effect.scoped)

/** Finds a run by the beginning of its ID. Without an ID, finds the last run. */
export const findRun = Effect.fnUntraced(function* (file: string, db: Database, id: Option.Option<string>) {
  const all = yield* readRows(file, db)
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
  // Compares prefixes, because the given text may be the beginning of an ID.
  const near = suggest(given, [...new Set(all.map((row) => row.id.slice(0, Math.max(4, given.length))))])
  const meant = near === undefined ? undefined : all.find((row) => row.id.startsWith(near))?.id
  return yield* new RunNotFound({ id: id.value, ...(meant !== undefined && { nearest: meant }) })
})

/** Returns the ID of the run that a process has started, if it has started one. */
export const runOfProcess = Effect.fnUntraced(function* (file: string, owner: string) {
  if (!existsSync(file)) return undefined
  const db = yield* openDatabase(file)
  const found = yield* tryDatabase(file, () =>
    // Later ones were started by its steps.
    db
      .query<{ readonly id: string }, [string]>("SELECT id FROM runs WHERE owner = ? ORDER BY number LIMIT 1")
      .get(owner)
  )
  return found?.id
}, Effect.scoped)

const readEvents = (file: string, db: Database, { number }: typeof RunRow.Type) =>
  Effect.map(
    tryDatabase(file, () => db.query("SELECT body FROM events WHERE run = ? ORDER BY seq").values(number)),
    (rows) => rows.flatMap(([body]) => Option.toArray(decodeEvent(body))).filter(({ time }) => isTime(time))
  )

/** A run and its stored events, in order, without events that cannot be decoded. */
export const readRun = Effect.fnUntraced(function* (file: string, id: Option.Option<string>) {
  if (!existsSync(file)) return yield* new NoRunKept({ file })
  const now = yield* Clock.currentTimeMillis
  const db = yield* openDatabase(file)
  const row = yield* findRun(file, db, id)
  return { run: toStoredRun(row, now), events: yield* readEvents(file, db, row) }
}, Effect.scoped)

/** Two runs, and the events of those in between: of the same project and environment, and with the newer of the two. */
export const readRuns = Effect.fnUntraced(function* (file: string, first: string, second: Option.Option<string>) {
  if (!existsSync(file)) return yield* new NoRunKept({ file })
  const now = yield* Clock.currentTimeMillis
  const db = yield* openDatabase(file)
  const from = yield* findRun(file, db, Option.some(first))
  const to = yield* findRun(file, db, second)
  const [older, newer] = from.began <= to.began ? [from, to] : [to, from]
  const later = (yield* readRows(file, db)).filter(
    ({ began, environment, number, project }) =>
      project === newer.project &&
      environment === newer.environment &&
      number !== older.number &&
      began >= older.began &&
      began <= newer.began
  )
  const between = yield* Effect.forEach(later, (row) => readEvents(file, db, row))
  return {
    from: { run: toStoredRun(from, now), events: yield* readEvents(file, db, from) },
    to: { run: toStoredRun(to, now), events: yield* readEvents(file, db, to) },
    between: between.flat()
  }
}, Effect.scoped)

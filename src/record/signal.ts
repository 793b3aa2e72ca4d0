import { existsSync } from "node:fs"
import { Clock, Effect, Option, Schema } from "effect"
import { openDatabase, tryDatabase } from "./Database.ts"
import { Entry } from "../pipeline/interpreter/Journal.ts"
import { findRun, readRows, toStoredRun } from "./read.ts"
import { NoRunKept } from "./RecordError.ts"
import { RunEnded } from "./ResumeError.ts"

const decodeEntry = Schema.decodeUnknownOption(Schema.fromJsonString(Entry))

/** Returns the names of the signals that no step has taken yet, by the ID of the run. */
export const pendingSignals = Effect.fnUntraced(function* (file: string, runs: ReadonlyArray<string>) {
  if (runs.length === 0 || !existsSync(file)) return new Map<string, ReadonlyArray<string>>()
  const db = yield* openDatabase(file)
  const found = yield* tryDatabase(file, () =>
    db
      .query(
        `SELECT runs.id, signals.name FROM signals JOIN runs ON runs.number = signals.run
         WHERE taken IS NULL AND runs.id IN (SELECT value FROM json_each(?))`
      )
      .values(JSON.stringify(runs))
  )
  return found.reduce<Map<string, ReadonlyArray<string>>>(
    (names, [id, name]) => names.set(String(id), [...(names.get(String(id)) ?? []), String(name)]),
    new Map()
  )
}, Effect.scoped)

interface Signal {
  readonly name: string
  readonly value: unknown
  readonly by: string
}

/**
 * Stores a signal for a run, or for the run that continues it. Returns that run's ID, and whether one of its steps waits for the
 * signal now. A run that has failed or was killed finds the signal when it is resumed.
 */
export const sendSignal = Effect.fnUntraced(function* (file: string, id: string, { by, name, value }: Signal) {
  if (!existsSync(file)) return yield* new NoRunKept({ file })
  const now = yield* Clock.currentTimeMillis
  const db = yield* openDatabase(file)
  const rows = yield* readRows(file, db)
  let row = yield* findRun(file, db, Option.some(id))
  for (let next: typeof row | undefined = row; next !== undefined;) {
    row = next
    next = rows.find(({ resumes }) => resumes === row.id)
  }
  const { outcome } = toStoredRun(row, now)
  if (outcome === "succeeded") return yield* new RunEnded({ id: row.id })
  const { number } = row
  const stored = yield* tryDatabase(file, () => {
    db.query("INSERT INTO signals (run, name, value, who, at) VALUES (?, ?, ?, ?, ?)").run(
      number,
      name,
      JSON.stringify(value),
      by,
      now
    )
    return db.query("SELECT path, body FROM journal WHERE run = ?").values(number)
  })
  const isWaiting = stored.some(
    ([path, body]) =>
      String(path).endsWith(`/${name}`) && Option.exists(decodeEntry(body), ({ _tag }) => _tag === "Waiting")
  )
  return { id: row.id, isWaiting, outcome }
}, Effect.scoped)

import type { Database } from "bun:sqlite"
import { Clock, Effect, Option, Schedule, Schema } from "effect"
import { Events } from "../core/Events.ts"
import { Scrubber } from "../core/Scrubber.ts"
import { Entry, type Journal } from "../pipeline/interpreter/Journal.ts"
import { isBelow } from "../pipeline/paths.ts"
import { openDatabase, tryDatabase } from "./Database.ts"
import type { RecordUnusable } from "./RecordError.ts"
import type { ResumeInput } from "./ResumeInput.ts"
import { type RunInfo, runStarter } from "./write.ts"

const decodeEntry = Schema.decodeUnknownOption(Schema.fromJsonString(Entry))

/** Other processes write for milliseconds at a time. */
const busyRetry = Schedule.spaced("50 millis").pipe(Schedule.upTo({ times: 40 }))

/** Writes to the history at once, also if other processes write at the same time. */
const writeNow = <A>(file: string, write: () => A) =>
  tryDatabase(file, write).pipe(Effect.retry({ schedule: busyRetry, while: ({ why }) => why === "busy" }))

/** Adds the run to the history, and gives it the entries of the run that it continues. */
const begin = (db: Database, info: RunInfo, input: ResumeInput, run: { id: string; pipeline: string }, now: number) =>
  db.transaction((resumes: string | undefined) => {
    const number = runStarter(db, info)(run.id, run.pipeline, now) ?? 0
    db.query("UPDATE runs SET input = ?, resumes = ? WHERE number = ?").run(
      JSON.stringify(input),
      resumes ?? null,
      number
    )
    if (resumes !== undefined) {
      for (const table of ["journal", "signals"]) {
        db.query(`UPDATE ${table} SET run = ? WHERE run = (SELECT number FROM runs WHERE id = ?)`).run(number, resumes)
      }
    }
    const rows = db.query("SELECT path, body FROM journal WHERE run = ?").values(number)
    const entries = rows.flatMap(([path, body]) =>
      Option.toArray(Option.map(decodeEntry(body), (entry) => [String(path), entry] as const))
    )
    return { number, entries: new Map(entries) }
  }).immediate

interface SignalRow {
  readonly number: number
  readonly value: string
  readonly who: string
  readonly taken: string | null
}

/**
 * Returns a function that opens the journal of a run, in the history. The database stays open until the scope closes. If the
 * history cannot be written, the run goes on, and a warning says that it cannot be resumed. But a run that continues another
 * one dies then: it would do everything again.
 */
export const openJournal = Effect.fnUntraced(function* (
  file: string,
  info: RunInfo,
  input: ResumeInput,
  resumes: string | undefined
) {
  const { publish } = yield* Events
  const scrubber = yield* Scrubber
  const opened = yield* Effect.result(openDatabase(file))
  let hasWarned = false
  const warn = ({ message }: RecordUnusable) =>
    Effect.suspend(() => {
      if (hasWarned) return Effect.void
      hasWarned = true
      return publish({ _tag: "StepNoted", level: "warning", text: `This run cannot be resumed later. ${message}` })
    })
  const broken = (error: RecordUnusable): Journal => ({
    read: () => undefined,
    write: () => warn(error),
    forget: () => Effect.void,
    signal: () => Effect.never,
    howToSignal: () => "but the run history cannot be used"
  })
  let removeSecrets: Effect.Effect<void> = Effect.void
  // A step may have read a secret that an earlier result or the command line contains.
  yield* Effect.addFinalizer(() => removeSecrets)
  const isClean = (value: unknown): boolean => JSON.stringify(scrubber.deep(value)) === JSON.stringify(value)

  const open = Effect.fnUntraced(function* (run: { readonly id: string; readonly pipeline: string }) {
    const db = yield* Effect.fromResult(opened)
    const now = yield* Clock.currentTimeMillis
    const { entries, number } = yield* writeNow(file, () => begin(db, info, input, run, now)(resumes))
    const insert = db.query("INSERT OR REPLACE INTO journal (run, path, body) VALUES (?, ?, ?)")
    const remove = db.query("DELETE FROM journal WHERE run = ? AND path = ?")
    const next = db.query<SignalRow, [number, string, string, number]>(
      `SELECT number, value, who, taken FROM signals
       WHERE run = ? AND name = ? AND (taken IS NULL OR taken = ?) AND number > ? ORDER BY number LIMIT 1`
    )
    const take = db.query("UPDATE signals SET taken = ? WHERE number = ?")
    const lastSeen = new Map<string, number>()
    const poll = (path: string, name: string) =>
      writeNow(file, () => {
        const found = next.get(number, name, path, lastSeen.get(path) ?? 0)
        if (found === null) return undefined
        if (found.taken === null) take.run(path, found.number)
        lastSeen.set(path, found.number)
        const value: unknown = JSON.parse(found.value)
        return { value, by: found.who }
      })
    const removeAll = db.transaction((paths: ReadonlyArray<string>) =>
      paths.forEach((path) => remove.run(number, path))
    )
    const journal: Journal = {
      ...(resumes !== undefined && { resumes }),
      read: (path) => entries.get(path),
      write: (path, entry) => {
        const { _tag, ...data } = entry
        // A step whose result holds a secret runs again.
        if (!isClean([path, data])) return Effect.void
        entries.set(path, entry)
        return Effect.catch(
          writeNow(file, () => void insert.run(number, path, JSON.stringify(entry))),
          warn
        )
      },
      forget: (path) => {
        const paths = [...entries.keys()].filter((each) => each === path || isBelow(each, path))
        if (paths.length === 0) return Effect.void
        for (const each of paths) entries.delete(each)
        return Effect.catch(
          writeNow(file, () => removeAll.immediate(paths)),
          warn
        )
      },
      signal: (path, name) =>
        Effect.repeat(
          Effect.catch(poll(path, name), (error) => Effect.as(warn(error), undefined)),
          { until: (found) => found !== undefined, schedule: Schedule.spaced("250 millis") }
        ),
      howToSignal: (name) => `jiji signal ${run.id} ${/^[\w-]+$/.test(name) ? name : JSON.stringify(name)}`
    }
    removeSecrets = Effect.suspend(() => {
      const found = [...entries].flatMap(([path, { _tag, ...data }]) => (isClean([path, data]) ? [] : [path]))
      const forget = Effect.forEach(found, journal.forget, { discard: true })
      if (isClean(input.words)) return forget
      const remove = writeNow(file, () => void db.query("UPDATE runs SET input = NULL WHERE number = ?").run(number))
      return Effect.andThen(forget, Effect.catch(remove, warn))
    })
    return journal
  })
  return (run: { readonly id: string; readonly pipeline: string }): Effect.Effect<Journal> =>
    Effect.catch(open(run), (error) => (resumes === undefined ? Effect.succeed(broken(error)) : Effect.die(error)))
})

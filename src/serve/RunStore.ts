import { Array, Clock, Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { RunCounts } from "./metrics.ts"

/**
 * How a run stands. A queued run starts when no other run with its key is running. A waiting run has no process: it waits for a
 * signal or a time, and is queued again when that has come.
 */
export const RunStatus = Schema.Literals([
  "queued",
  "running",
  "waiting",
  "succeeded",
  "failed",
  "interrupted",
  "cancelled"
])
export type RunStatus = typeof RunStatus.Type

/** Something that a waiting run waits for: a signal, a time in epoch milliseconds, or whichever comes first. */
export const RunWait = Schema.Struct({
  /** The step that waits. */
  path: Schema.optionalKey(Schema.String),
  signal: Schema.optionalKey(Schema.String),
  until: Schema.optionalKey(Schema.Int),
  /** Which retry of a failed run starts then. */
  retry: Schema.optionalKey(Schema.Int)
}).annotate({ identifier: "Wait" })
export type RunWait = typeof RunWait.Type

const Row = Schema.Struct({
  number: Schema.Int,
  project: Schema.String,
  words: Schema.fromJsonString(Schema.Array(Schema.String)),
  who: Schema.String,
  cause: Schema.String,
  busy_key: Schema.String,
  status: RunStatus,
  reason: Schema.NullOr(Schema.String),
  exit_code: Schema.NullOr(Schema.Int),
  attempt: Schema.Int,
  is_cancelled: Schema.Int,
  process_run: Schema.NullOr(Schema.String),
  owner: Schema.NullOr(Schema.String),
  created: Schema.Int,
  started: Schema.NullOr(Schema.Int),
  ended: Schema.NullOr(Schema.Int),
  position: Schema.Int,
  priority: Schema.Int,
  time_limit: Schema.NullOr(Schema.Int),
  spent: Schema.Int,
  retries: Schema.Int,
  retry_delay: Schema.Int,
  retried: Schema.Int,
  crashes: Schema.Int,
  steps_done: Schema.Int,
  waits: Schema.NullOr(Schema.fromJsonString(Schema.Array(RunWait))),
  wake: Schema.NullOr(Schema.Int),
  has_waited: Schema.Int,
  is_suspended: Schema.Int,
  overtaken_by: Schema.NullOr(Schema.Int),
  queued: Schema.NullOr(Schema.Int)
})

/** A run. Times are epoch milliseconds. */
export type StoredRun = typeof Row.Type

const decodeRow = Schema.decodeUnknownOption(Row)
export const decodeRows = (rows: ReadonlyArray<unknown>): ReadonlyArray<StoredRun> =>
  rows.flatMap((row) => Option.toArray(decodeRow(row)))
const firstOf = (rows: ReadonlyArray<unknown>): Option.Option<StoredRun> => Option.fromNullishOr(decodeRows(rows)[0])

/** A run that somebody asks for. */
export interface NewRun {
  readonly project: string
  /** The command, as `jiji` takes it. */
  readonly words: ReadonlyArray<string>
  /** The name of the token. */
  readonly who: string
  /** What asked for it, such as `api`. */
  readonly cause: string
  /** A run with the same value is not queued again. */
  readonly once?: string
  /** Runs with the same key run one after another. */
  readonly key: string
  /** What to do while there is another run with the key. By default, wait for it. */
  readonly whenBusy?: "queue" | "replace" | "refuse"
  /** Runs with a higher one start first. 0 by default. */
  readonly priority?: number
  /** How long each attempt may run, in milliseconds. */
  readonly timeLimit?: number
  /** How often to try again after a failure, and the pause before the first time, in milliseconds. */
  readonly retries?: { readonly times: number; readonly delay: number }
}

/** What has become of a run that somebody asks for. */
export interface Added {
  /** The run. If it was not added: the one with the same `once`, or the one that is in its way. */
  readonly run: StoredRun
  readonly isNew: boolean
  /** Whether it was refused because `run` has its key. */
  readonly isRefused: boolean
  /** The runs whose place it has taken. */
  readonly overtaken: ReadonlyArray<number>
}

/** An event as it is stored: JSON, with its place among the events of the run. */
export interface StoredEvent {
  readonly position: number
  readonly body: string
}

/** How many runs are kept, how old they may get, and how large their events may be together. */
const limits = { runs: 10_000, days: 90, bytes: 2 * 1024 ** 3 } as const
const day = 24 * 60 * 60 * 1000

/** How a run ended. */
export interface RunEnd {
  readonly status: Exclude<RunStatus, "queued" | "running" | "waiting">
  readonly reason?: string
  /** The exit code of its process. */
  readonly code?: number
}

/** The priority of a run that has waited and is to undo its steps: before any other that could work against it. */
const undoPriority = 1000

/** When what a run waits for is over: the first of its times. */
const wakeOf = (waits: ReadonlyArray<RunWait>): number | null => {
  const times = waits.flatMap(({ until }) => (until === undefined ? [] : [until]))
  return times.length === 0 ? null : Math.min(...times)
}

type Query<A> = Effect.Effect<A, SqlError.SqlError>

/** The queue and the history of runs: one table, so that they cannot disagree. */
export class RunStore extends Context.Service<
  RunStore,
  {
    /** Queues a run, unless it was queued before with the same `once`, or should not wait for another one. */
    add(run: NewRun): Query<Added>
    get(number: number): Query<Option.Option<StoredRun>>
    /** The newest runs first, of one project or of all, older than `before`. */
    list(options: {
      readonly project?: string
      readonly limit: number
      readonly before?: number
    }): Query<ReadonlyArray<StoredRun>>
    /** The runs that count as running. */
    readonly running: Query<ReadonlyArray<StoredRun>>
    readonly waiting: Query<ReadonlyArray<StoredRun>>
    /** The first queued runs, in the order in which they start. */
    queue(limit: number): Query<ReadonlyArray<StoredRun>>
    /** Counts of runs, in the text format of Prometheus. */
    readonly metrics: Query<string>
    /** Marks the next run as running that may start now, and returns it. */
    readonly claim: Query<Option.Option<StoredRun>>
    /** Remembers the process of a run. From now on its steps are running, and not suspended. */
    setOwner(number: number, owner: string): Query<void>
    /** Remembers the ID that a run has in its process. */
    setProcessRun(number: number, id: string): Query<void>
    /** Puts a running run back into the queue, in its place. `isCrash`: its process was killed. `isUnstarted`: it got none. */
    requeue(number: number, options?: { readonly isCrash?: boolean; readonly isUnstarted?: boolean }): Query<void>
    /** A run has completed so many steps that do not run again. So what killed it before does not count any more. */
    setStepsDone(number: number, count: number): Query<void>
    /** Lets a running run wait without a process. If it is cancelled, it is queued again, to undo its steps. */
    suspend(number: number, waits: ReadonlyArray<RunWait>): Query<void>
    /** Lets a running run that has failed wait for a time, and then start again. */
    retry(number: number, options: { readonly until: number; readonly reason: string | undefined }): Query<void>
    /** Puts a waiting run back into the queue, in its place. */
    wake(number: number): Query<void>
    /** Does the same with all whose time has come. Returns when the next one's comes. */
    readonly wakeDue: Query<number | undefined>
    end(number: number, end: RunEnd): Query<void>
    /**
     * Cancels a queued run, or remembers that a running one should end. One that has waited is queued to undo its steps, unless it
     * is cancelled twice. Returns the run as it was.
     */
    cancel(number: number): Query<Option.Option<StoredRun>>
    addEvents(number: number, events: ReadonlyArray<StoredEvent>, dropped: ReadonlyArray<number>): Query<void>
    /** The events of a run after a position. */
    events(number: number, after: number, limit: number): Query<ReadonlyArray<StoredEvent>>
    /** Deletes the oldest runs until the history is within its limits. */
    readonly prune: Query<void>
    /** Writes to the database, to see whether it can. */
    readonly check: Query<void>
  }
>()("jiji/serve/RunStore") {
  static readonly layer = Layer.effect(
    RunStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const counts = new RunCounts()
      const get = (number: number) => Effect.map(sql`SELECT * FROM runs WHERE number = ${number}`, firstOf)
      /** Whether a queued run may start. A waiting run keeps its key from those after it. */
      const isFree =
        sql.literal(`NOT EXISTS (SELECT 1 FROM runs WHERE status = 'running' AND busy_key = queued.busy_key)
        AND NOT EXISTS (
          SELECT 1 FROM runs AS other WHERE other.status = 'waiting' AND other.busy_key = queued.busy_key
          AND (other.priority > queued.priority OR (other.priority = queued.priority AND other.number < queued.number))
        )`)
      /** The next run, if it is among the first ones in the queue. Fast if most keys are free, however many there are. */
      const nextOfFirst = sql<{ readonly number: number }>`
        SELECT number FROM (
          SELECT number, busy_key, priority FROM runs WHERE status = 'queued' ORDER BY priority DESC, number LIMIT 100
        ) AS queued WHERE ${isFree} ORDER BY priority DESC, number LIMIT 1`
      /** The next run. It jumps from key to key: fast if there are few, however many runs are queued. */
      const nextOfAll = sql<{ readonly number: number }>`
        WITH RECURSIVE keys (key) AS (
          SELECT min(busy_key) FROM runs WHERE status = 'queued'
          UNION ALL
          SELECT (SELECT min(busy_key) FROM runs WHERE status = 'queued' AND busy_key > keys.key) FROM keys WHERE key IS NOT NULL
        ), heads AS (
          SELECT (
            SELECT number FROM runs WHERE status = 'queued' AND busy_key = keys.key ORDER BY priority DESC, number LIMIT 1
          ) AS number
          FROM keys WHERE key IS NOT NULL
        )
        SELECT number FROM heads JOIN runs AS queued USING (number) WHERE ${isFree}
        ORDER BY priority DESC, number LIMIT 1`
      /** Ends a run that has no process and nothing to undo. */
      const endCancelled = Effect.fnUntraced(function* (number: number) {
        const now = yield* Clock.currentTimeMillis
        yield* sql`UPDATE runs SET status = 'cancelled', ended = ${now}, waits = NULL, wake = NULL WHERE number = ${number}`
        counts.ended("cancelled")
      })
      /** Queues a run to undo its steps if it is suspended, before everything else with its key. */
      const undoLater = Effect.fnUntraced(function* (number: number) {
        const now = yield* Clock.currentTimeMillis
        yield* sql`UPDATE runs SET is_cancelled = 1, status = 'queued', priority = ${undoPriority}, queued = ${now},
          waits = NULL, wake = NULL WHERE status IN ('queued', 'waiting') AND is_suspended = 1 AND number = ${number}`
      })
      const insert = Effect.fnUntraced(function* (wanted: NewRun) {
        const { cause, key, once, priority = 0, project, retries, timeLimit, who, words } = wanted
        const now = yield* Clock.currentTimeMillis
        const added = yield* sql`INSERT INTO runs
          (project, words, who, cause, once, busy_key, status, created, priority, time_limit, retries, retry_delay)
          VALUES (${project}, ${JSON.stringify(words)}, ${who}, ${cause}, ${once ?? null}, ${key}, 'queued', ${now},
          ${priority}, ${timeLimit ?? null}, ${retries?.times ?? 0}, ${retries?.delay ?? 0})
          ON CONFLICT (once) DO NOTHING RETURNING *`
        const run = firstOf(added)
        const common = { isRefused: false, overtaken: [] }
        if (Option.isSome(run)) return { ...common, run: run.value, isNew: true }
        const known = yield* Effect.orDie(Effect.fromOption(yield* knownAs(once)))
        return { ...common, run: known, isNew: false }
      })
      const knownAs = (once: string | undefined) =>
        once === undefined ? Effect.succeedNone : Effect.map(sql`SELECT * FROM runs WHERE once = ${once}`, firstOf)
      /** Adds a run that takes the place of others with its key, or is refused if there are any. */
      const addUnlessBusy = Effect.fnUntraced(function* (wanted: NewRun) {
        const { key, once, whenBusy } = wanted
        const known = yield* knownAs(once)
        if (Option.isSome(known)) return { run: known.value, isNew: false, isRefused: false, overtaken: [] }
        if (whenBusy === "refuse") {
          const busy = firstOf(
            // One index for each status.
            yield* sql`SELECT * FROM (
              SELECT * FROM runs WHERE status = 'running' AND busy_key = ${key}
              UNION ALL SELECT * FROM runs WHERE status = 'waiting' AND busy_key = ${key}
              UNION ALL SELECT * FROM (SELECT * FROM runs WHERE status = 'queued' AND busy_key = ${key} LIMIT 1) AS queued
            ) AS busy LIMIT 1`
          )
          if (Option.isSome(busy)) return { run: busy.value, isNew: false, isRefused: true, overtaken: [] }
        }
        const added = yield* insert(wanted)
        if (whenBusy !== "replace") return added
        const { number, priority } = added.run
        const reason = `overtaken by run ${number}`
        const rows = yield* sql<{
          readonly number: number
          readonly is_suspended: number
        }>`UPDATE runs SET overtaken_by = ${number}, reason = ${reason}
          WHERE number IN (
            SELECT number FROM runs WHERE status = 'queued' AND busy_key = ${key}
            UNION ALL SELECT number FROM runs WHERE status = 'waiting' AND busy_key = ${key}
          ) AND number < ${number} AND priority <= ${priority} AND is_cancelled = 0 RETURNING number, is_suspended`
        for (const { is_suspended, number } of rows) {
          if (is_suspended === 1) yield* undoLater(number)
          else yield* endCancelled(number)
        }
        return { ...added, overtaken: rows.map(({ number }) => number) }
      })
      const end = Effect.fnUntraced(function* (number: number, { code, reason, status }: RunEnd) {
        const now = yield* Clock.currentTimeMillis
        const ended =
          yield* sql`UPDATE runs SET status = ${status}, ended = ${now}, owner = NULL, waits = NULL, wake = NULL,
          reason = ${reason ?? null}, exit_code = ${code ?? null} WHERE number = ${number} AND ended IS NULL RETURNING number`
        if (ended.length > 0) counts.ended(status)
      })
      return RunStore.of({
        add: (run) =>
          run.whenBusy === undefined || run.whenBusy === "queue"
            ? insert(run)
            : sql.withTransaction(addUnlessBusy(run)),
        get,
        list: ({ before, limit, project }) =>
          Effect.map(
            sql`SELECT * FROM runs WHERE ${sql.and([
              sql`number < ${before ?? Number.MAX_SAFE_INTEGER}`,
              ...(project === undefined ? [] : [sql`project = ${project}`])
            ])} ORDER BY number DESC LIMIT ${limit}`,
            decodeRows
          ),
        running: Effect.map(sql`SELECT * FROM runs WHERE status = 'running' ORDER BY number`, decodeRows),
        waiting: Effect.map(sql`SELECT * FROM runs WHERE status = 'waiting' ORDER BY number`, decodeRows),
        queue: (limit) =>
          Effect.map(
            sql`SELECT * FROM runs WHERE status = 'queued' ORDER BY priority DESC, number LIMIT ${limit}`,
            decodeRows
          ),
        metrics: Effect.gen(function* () {
          // One index for each status.
          const [row] = yield* sql<Record<"queued" | "running" | "waiting", number>>`SELECT
            (SELECT count(*) FROM runs WHERE status = 'queued') AS queued,
            (SELECT count(*) FROM runs WHERE status = 'running') AS running,
            (SELECT count(*) FROM runs WHERE status = 'waiting') AS waiting`
          return counts.text(row ?? { queued: 0, running: 0, waiting: 0 })
        }),
        claim: sql.withTransaction(
          Effect.gen(function* () {
            const [first] = yield* nextOfFirst
            const number = (first ?? (yield* nextOfAll)[0])?.number
            if (number === undefined) return Option.none()
            const now = yield* Clock.currentTimeMillis
            const run = firstOf(
              yield* sql`UPDATE runs SET status = 'running', attempt = attempt + 1, owner = NULL, waits = NULL, wake = NULL,
                started = ${now} WHERE number = ${number} RETURNING *`
            )
            if (Option.isSome(run)) counts.started(now - (run.value.queued ?? run.value.created))
            return run
          })
        ),
        setOwner: (number, owner) =>
          Effect.asVoid(sql`UPDATE runs SET owner = ${owner}, is_suspended = 0 WHERE number = ${number}`),
        setProcessRun: (number, id) => Effect.asVoid(sql`UPDATE runs SET process_run = ${id} WHERE number = ${number}`),
        requeue: Effect.fnUntraced(function* (number, { isCrash = false, isUnstarted = false } = {}) {
          const now = yield* Clock.currentTimeMillis
          yield* sql`UPDATE runs SET status = 'queued', started = NULL, owner = NULL, queued = ${now},
            crashes = crashes + ${isCrash ? 1 : 0}, attempt = attempt - ${isUnstarted ? 1 : 0} WHERE number = ${number} AND status = 'running'`
        }),
        setStepsDone: (number, count) =>
          Effect.asVoid(sql`UPDATE runs SET crashes = 0, steps_done = ${count} WHERE number = ${number}`),
        suspend: Effect.fnUntraced(function* (number, waits) {
          const now = yield* Clock.currentTimeMillis
          yield* sql`UPDATE runs SET
            status = CASE is_cancelled WHEN 1 THEN 'queued' ELSE 'waiting' END,
            priority = CASE is_cancelled WHEN 1 THEN ${undoPriority} ELSE priority END,
            has_waited = 1, is_suspended = 1, owner = NULL, queued = ${now}, spent = spent + ${now} - started,
            waits = ${JSON.stringify(waits)}, wake = ${wakeOf(waits)}
            WHERE number = ${number} AND status = 'running'`
        }),
        retry: (number, { reason, until }) =>
          sql.withTransaction(
            Effect.gen(function* () {
              const run = yield* get(number)
              if (Option.isNone(run)) return
              // Somebody has cancelled it in the meantime.
              if (run.value.is_cancelled === 1) return yield* end(number, { status: "cancelled" })
              const retry = run.value.retried + 1
              const waits: ReadonlyArray<RunWait> = [{ retry, until }]
              yield* sql`UPDATE runs SET status = 'waiting', retried = ${retry}, reason = ${reason ?? null}, owner = NULL,
                spent = 0, waits = ${JSON.stringify(waits)}, wake = ${until}
                WHERE number = ${number} AND status = 'running'`
            })
          ),
        wake: Effect.fnUntraced(function* (number) {
          const now = yield* Clock.currentTimeMillis
          yield* sql`UPDATE runs SET status = 'queued', waits = NULL, wake = NULL, queued = ${now}
            WHERE number = ${number} AND status = 'waiting'`
        }),
        wakeDue: Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          yield* sql`UPDATE runs SET status = 'queued', waits = NULL, wake = NULL, queued = ${now}
            WHERE status = 'waiting' AND wake <= ${now}`
          const [next] = yield* sql<{
            readonly wake: number | null
          }>`SELECT min(wake) AS wake FROM runs WHERE status = 'waiting'`
          return next?.wake ?? undefined
        }),
        end,
        cancel: (number) =>
          sql.withTransaction(
            Effect.gen(function* () {
              const run = yield* get(number)
              if (Option.isNone(run)) return run
              const { is_cancelled, is_suspended, status } = run.value
              if (status === "running") {
                yield* sql`UPDATE runs SET is_cancelled = 1 WHERE number = ${number}`
              } else if (is_suspended === 1 && is_cancelled === 0) {
                yield* undoLater(number)
              } else if (status === "queued" || status === "waiting") {
                yield* endCancelled(number)
              }
              return run
            })
          ),
        addEvents: (number, events, dropped) =>
          sql.withTransaction(
            Effect.gen(function* () {
              const last = events.at(-1)
              if (last === undefined || !Array.isReadonlyArrayNonEmpty(events)) return
              const rows = Array.map(events, ({ body, position }) => ({ run: number, position, body }))
              yield* sql`INSERT INTO events ${sql.insert(rows)}`
              if (dropped.length > 0) {
                yield* sql`DELETE FROM events WHERE run = ${number} AND ${sql.in("position", dropped)}`
              }
              const bytes = events.reduce((sum, { body }) => sum + body.length, 0)
              yield* sql`UPDATE runs SET position = ${last.position}, bytes = bytes + ${bytes} WHERE number = ${number}`
            })
          ),
        events: (number, after, limit) =>
          sql<StoredEvent>`SELECT position, body FROM events WHERE run = ${number} AND position > ${after}
            ORDER BY position LIMIT ${limit}`,
        prune: Effect.gen(function* () {
          const oldest = (yield* Clock.currentTimeMillis) - limits.days * day
          yield* sql`DELETE FROM runs WHERE ended IS NOT NULL AND number IN (
            SELECT number FROM (
              SELECT number, ended, row_number() OVER newest AS place, sum(bytes) OVER newest AS total
              FROM runs WINDOW newest AS (ORDER BY number DESC)
            ) AS ranked
            WHERE place > ${limits.runs} OR ended < ${oldest} OR (place > 1 AND total > ${limits.bytes})
          )`
        }),
        check: Effect.asVoid(sql`UPDATE server SET owner = owner`)
      })
    })
  )
}

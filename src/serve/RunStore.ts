import { Array, Clock, Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"

/** How a run stands. A queued run starts when no other run with its key is running. */
export const RunStatus = Schema.Literals(["queued", "running", "succeeded", "failed", "interrupted", "cancelled"])
export type RunStatus = typeof RunStatus.Type

const Row = Schema.Struct({
  number: Schema.Int,
  project: Schema.String,
  words: Schema.fromJsonString(Schema.Array(Schema.String)),
  who: Schema.String,
  cause: Schema.String,
  busy_key: Schema.String,
  status: RunStatus,
  reason: Schema.NullOr(Schema.String),
  attempt: Schema.Int,
  is_cancelled: Schema.Int,
  process_run: Schema.NullOr(Schema.String),
  owner: Schema.NullOr(Schema.String),
  created: Schema.Int,
  started: Schema.NullOr(Schema.Int),
  ended: Schema.NullOr(Schema.Int),
  position: Schema.Int
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
  readonly status: Exclude<RunStatus, "queued" | "running">
  readonly reason?: string
}

type Query<A> = Effect.Effect<A, SqlError.SqlError>

/** The queue and the history of runs: one table, so that they cannot disagree. */
export class RunStore extends Context.Service<
  RunStore,
  {
    /** Queues a run. Of one that was queued before with the same `once`, returns that one. */
    add(run: NewRun): Query<{ readonly run: StoredRun; readonly isNew: boolean }>
    get(number: number): Query<Option.Option<StoredRun>>
    /** The newest runs first, of one project or of all, older than `before`. */
    list(options: {
      readonly project?: string
      readonly limit: number
      readonly before?: number
    }): Query<ReadonlyArray<StoredRun>>
    /** The runs that count as running. */
    readonly running: Query<ReadonlyArray<StoredRun>>
    /** Marks the next run as running that may start now, and returns it. */
    readonly claim: Query<Option.Option<StoredRun>>
    /** Remembers the process of a run. */
    setOwner(number: number, owner: string): Query<void>
    /** Remembers the ID that a run has in its process. */
    setProcessRun(number: number, id: string): Query<void>
    /** Puts a running run back into the queue, in its place. */
    requeue(number: number): Query<void>
    end(number: number, end: RunEnd): Query<void>
    /** Cancels a queued run, or remembers that a running one should end. Returns the run as it was. */
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
      const get = (number: number) => Effect.map(sql`SELECT * FROM runs WHERE number = ${number}`, firstOf)
      /** The first queued run of each key that is not busy. It jumps from key to key, however many runs wait. */
      const next = sql<{ readonly number: number }>`
        WITH RECURSIVE keys (key) AS (
          SELECT min(busy_key) FROM runs WHERE status = 'queued'
          UNION ALL
          SELECT (SELECT min(busy_key) FROM runs WHERE status = 'queued' AND busy_key > keys.key) FROM keys WHERE key IS NOT NULL
        )
        SELECT min(head) AS number FROM (
          SELECT (SELECT min(number) FROM runs WHERE status = 'queued' AND busy_key = keys.key) AS head
          FROM keys
          WHERE key IS NOT NULL AND NOT EXISTS (SELECT 1 FROM runs WHERE status = 'running' AND busy_key = keys.key)
        ) AS heads`
      return RunStore.of({
        add: Effect.fnUntraced(function* ({ cause, key, once, project, who, words }) {
          const now = yield* Clock.currentTimeMillis
          const added = yield* sql`INSERT INTO runs (project, words, who, cause, once, busy_key, status, created)
            VALUES (${project}, ${JSON.stringify(words)}, ${who}, ${cause}, ${once ?? null}, ${key}, 'queued', ${now})
            ON CONFLICT (once) DO NOTHING RETURNING *`
          const run = firstOf(added)
          if (Option.isSome(run)) return { run: run.value, isNew: true }
          const before = firstOf(yield* sql`SELECT * FROM runs WHERE once = ${once ?? null}`)
          return { run: yield* Effect.fromOption(before).pipe(Effect.orDie), isNew: false }
        }),
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
        claim: sql.withTransaction(
          Effect.gen(function* () {
            const number = (yield* next)[0]?.number
            // The aggregate of no rows is NULL.
            if (typeof number !== "number") return Option.none()
            const now = yield* Clock.currentTimeMillis
            return firstOf(
              yield* sql`UPDATE runs SET status = 'running', attempt = attempt + 1, owner = NULL,
                started = ${now} WHERE number = ${number} RETURNING *`
            )
          })
        ),
        setOwner: (number, owner) => Effect.asVoid(sql`UPDATE runs SET owner = ${owner} WHERE number = ${number}`),
        setProcessRun: (number, id) => Effect.asVoid(sql`UPDATE runs SET process_run = ${id} WHERE number = ${number}`),
        requeue: (number) =>
          Effect.asVoid(
            sql`UPDATE runs SET status = 'queued', started = NULL, owner = NULL WHERE number = ${number} AND status = 'running'`
          ),
        end: Effect.fnUntraced(function* (number, { reason, status }) {
          const now = yield* Clock.currentTimeMillis
          yield* sql`UPDATE runs SET status = ${status}, reason = ${reason ?? null}, ended = ${now}, owner = NULL
            WHERE number = ${number} AND status IN ('queued', 'running')`
        }),
        cancel: (number) =>
          sql.withTransaction(
            Effect.gen(function* () {
              const run = yield* get(number)
              if (Option.isNone(run)) return run
              const now = yield* Clock.currentTimeMillis
              yield* sql`UPDATE runs SET is_cancelled = 1 WHERE number = ${number} AND status = 'running'`
              yield* sql`UPDATE runs SET status = 'cancelled', ended = ${now} WHERE number = ${number} AND status = 'queued'`
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

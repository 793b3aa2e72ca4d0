import { Clock, Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"

/** What became of a delivery. */
export const Verdict = Schema.Literals(["started", "ignored", "refused"])

const Event = Schema.Struct({
  key: Schema.String,
  values: Schema.Record(Schema.String, Schema.String),
  payload: Schema.Unknown
})

const Row = Schema.Struct({
  id: Schema.Int,
  project: Schema.String,
  name: Schema.String,
  source: Schema.String,
  sender_id: Schema.NullOr(Schema.String),
  received: Schema.Int,
  verdict: Verdict,
  reason: Schema.NullOr(Schema.String),
  run: Schema.NullOr(Schema.Int),
  again_of: Schema.NullOr(Schema.Int),
  depth: Schema.Int,
  event: Schema.NullOr(Schema.fromJsonString(Event))
})

/** A delivery. `event` is absent if nobody verified it, or if it was too large to keep. */
export type StoredDelivery = typeof Row.Type

const decodeRow = Schema.decodeUnknownOption(Row)
const decodeRows = (rows: ReadonlyArray<unknown>): ReadonlyArray<StoredDelivery> =>
  rows.flatMap((row) => Option.toArray(decodeRow(row)))

/** A delivery that has just been decided. */
export interface NewDelivery {
  readonly project: string
  /** The trigger's name. */
  readonly name: string
  readonly source: string
  readonly senderId?: string | undefined
  readonly verdict: typeof Verdict.Type
  readonly reason?: string | undefined
  readonly run?: number | undefined
  /** The delivery that somebody sent again. */
  readonly againOf?: number | undefined
  /** How many runs started one another before this one. */
  readonly depth?: number | undefined
  /** What happened, as JSON, without secrets. */
  readonly event?: string | undefined
}

/** How many deliveries are kept of each trigger, how old they may get, and how large one and all may be. */
const limits = { perTrigger: 500, unverified: 20, days: 30, eventBytes: 1024 * 1024, bytes: 256 * 1024 * 1024 } as const
const day = 24 * 60 * 60 * 1000

type Query<A> = Effect.Effect<A, SqlError.SqlError>

/** What arrived for triggers, and what became of it. */
export class Deliveries extends Context.Service<
  Deliveries,
  {
    add(delivery: NewDelivery): Query<StoredDelivery>
    get(id: number): Query<Option.Option<StoredDelivery>>
    /** The newest first, of one project or trigger or of all, older than `before`. Without their events. */
    list(options: {
      readonly project?: string
      readonly trigger?: string
      readonly limit: number
      readonly before?: number
    }): Query<ReadonlyArray<StoredDelivery>>
    /** How many runs started one another until this run. */
    depthOf(run: number): Query<number>
    /** Deletes the oldest until they are within the limits. */
    readonly prune: Query<void>
  }
>()("jiji/serve/Deliveries") {
  static readonly layer = Layer.effect(
    Deliveries,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const firstOf = (rows: ReadonlyArray<unknown>) => Option.fromNullishOr(decodeRows(rows)[0])
      return Deliveries.of({
        add: Effect.fnUntraced(function* (delivery) {
          const received = yield* Clock.currentTimeMillis
          const { againOf = null, depth = 0, name, project, reason = null, run = null, senderId = null } = delivery
          const bytes = delivery.event === undefined ? 0 : Buffer.byteLength(delivery.event)
          const event = bytes > limits.eventBytes ? null : (delivery.event ?? null)
          const rows = yield* sql`INSERT INTO deliveries
            (project, name, source, sender_id, received, verdict, reason, run, again_of, depth, event, bytes)
            VALUES (${project}, ${name}, ${delivery.source}, ${senderId}, ${received}, ${delivery.verdict}, ${reason},
              ${run}, ${againOf}, ${depth}, ${event}, ${event === null ? 0 : bytes})
            RETURNING *`
          return yield* Effect.orDie(Effect.fromOption(firstOf(rows)))
        }),
        get: (id) => Effect.map(sql`SELECT * FROM deliveries WHERE id = ${id}`, firstOf),
        list: ({ before, limit, project, trigger }) =>
          Effect.map(
            sql`SELECT id, project, name, source, sender_id, received, verdict, reason, run, again_of, depth, NULL AS event
              FROM deliveries WHERE ${sql.and([
                sql`id < ${before ?? Number.MAX_SAFE_INTEGER}`,
                ...(project === undefined ? [] : [sql`project = ${project}`]),
                ...(trigger === undefined ? [] : [sql`name = ${trigger}`])
              ])} ORDER BY id DESC LIMIT ${limit}`,
            decodeRows
          ),
        depthOf: (run) =>
          Effect.map(
            sql<{ readonly depth: number }>`SELECT depth FROM deliveries WHERE run = ${run} AND verdict = 'started'`,
            ([row]) => (row === undefined ? 0 : row.depth)
          ),
        prune: Effect.gen(function* () {
          const oldest = (yield* Clock.currentTimeMillis) - limits.days * day
          yield* sql`DELETE FROM deliveries WHERE id IN (
            SELECT id FROM (
              SELECT id, received, verdict, event,
                row_number() OVER (PARTITION BY project, name, event IS NULL AND verdict = 'refused' ORDER BY id DESC) AS place,
                sum(bytes) OVER (ORDER BY id DESC) AS total
              FROM deliveries
            ) AS ranked
            WHERE received < ${oldest} OR place > ${limits.perTrigger} OR total > ${limits.bytes}
              OR (event IS NULL AND verdict = 'refused' AND place > ${limits.unverified})
          )`
        })
      })
    })
  )
}

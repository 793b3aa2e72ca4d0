import { expect } from "bun:test"
import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openState } from "../../src/serve/openState.ts"
import { Deliveries, type NewDelivery } from "../../src/serve/triggers/Deliveries.ts"
import { it } from "../support/effect.ts"

const layer = () => {
  const folder = mkdtempSync(join(tmpdir(), "jiji-deliveries-"))
  const removal = Layer.effectDiscard(
    Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
  )
  return Deliveries.layer.pipe(Layer.provideMerge(openState(join(folder, "serve.sqlite"))), Layer.provideMerge(removal))
}

it.effect("the runs of an older jiji, which ended before there were triggers, start nothing after an upgrade", () => {
  const folder = mkdtempSync(join(tmpdir(), "jiji-upgrade-"))
  const file = join(folder, "serve.sqlite")
  const open = <A, E>(use: Effect.Effect<A, E, SqlClient.SqlClient>) =>
    Effect.provide(use, Layer.fresh(openState(file)))
  return Effect.gen(function* () {
    yield* open(
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        // As version 1 had it.
        yield* sql`DROP INDEX runs_unannounced`
        yield* sql`ALTER TABLE runs DROP COLUMN is_announced`
        yield* sql`DROP TABLE deliveries`
        yield* sql`DROP TABLE cron_ticks`
        yield* sql`DELETE FROM migrations WHERE migration_id > 1`
        for (const [status, ended] of [
          ["succeeded", 1],
          ["queued", null]
        ] as const) {
          yield* sql`INSERT INTO runs (project, words, who, cause, busy_key, status, created, ended)
            VALUES ('shop', '["deploy"]', 'ci', 'api', 'shop', ${status}, 0, ${ended})`
        }
      })
    )
    const rows = yield* open(Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT status, is_announced FROM runs`))
    expect(rows).toEqual([
      { status: "succeeded", is_announced: 1 },
      { status: "queued", is_announced: 0 }
    ])
  }).pipe(Effect.ensuring(Effect.sync(() => rmSync(folder, { recursive: true, force: true }))))
})

const day = 24 * 60 * 60 * 1000

const event = (text = "x") => JSON.stringify({ key: "k", values: {}, payload: { text } })
const started: NewDelivery = {
  project: "shop",
  name: "main",
  source: "github",
  verdict: "started",
  run: 1,
  event: event()
}
const unverified: NewDelivery = { project: "shop", name: "main", source: "github", verdict: "refused", reason: "wrong" }

const count = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ readonly name: string; readonly verdict: string; readonly count: number }>`
    SELECT name, verdict, count(*) AS count FROM deliveries GROUP BY name, verdict ORDER BY name, verdict`
  return Object.fromEntries(rows.map(({ count, name, verdict }) => [`${name} ${verdict}`, count]))
})

it.effect("keeps the last deliveries of each trigger, and few that nobody verified", () =>
  Effect.gen(function* () {
    const deliveries = yield* Deliveries
    for (let index = 0; index < 600; index++) yield* deliveries.add(started)
    yield* deliveries.add({ ...started, name: "other" })
    for (let index = 0; index < 50; index++) yield* deliveries.add(unverified)
    yield* deliveries.prune
    expect(yield* count).toEqual({ "main refused": 20, "main started": 500, "other started": 1 })
    // The newest stay.
    expect((yield* deliveries.list({ limit: 1, trigger: "main" }))[0]?.id).toBe(651)
  }).pipe(Effect.provide(layer()))
)

it.effect("deletes deliveries that are older than 30 days", () =>
  Effect.gen(function* () {
    const deliveries = yield* Deliveries
    yield* deliveries.add(started)
    yield* TestClock.adjust(20 * day)
    yield* deliveries.add({ ...started, name: "other" })
    yield* TestClock.adjust(11 * day)
    yield* deliveries.prune
    expect(yield* count).toEqual({ "other started": 1 })
  }).pipe(Effect.provide(layer()))
)

it.effect("keeps at most 1 MB of a delivery, and 256 MB of all", () =>
  Effect.gen(function* () {
    const deliveries = yield* Deliveries
    const { id } = yield* deliveries.add({ ...started, event: event("x".repeat(1024 * 1024)) })
    expect(Option.map(yield* deliveries.get(id), (each) => each.event)).toEqual(Option.some(null))
    const half = event("x".repeat(900 * 1024))
    for (let index = 0; index < 300; index++) yield* deliveries.add({ ...started, event: half })
    yield* deliveries.prune
    expect((yield* count)["main started"]).toBe(Math.floor((256 * 1024 * 1024) / Buffer.byteLength(half)))
  }).pipe(Effect.provide(layer()))
)

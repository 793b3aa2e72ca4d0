import { Database } from "bun:sqlite"
import { expect } from "bun:test"
import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openState } from "../../src/serve/openState.ts"
import { RunStore } from "../../src/serve/RunStore.ts"
import { Deliveries, type NewDelivery } from "../../src/serve/triggers/Deliveries.ts"
import { it } from "../support/effect.ts"

const layer = () => {
  const folder = mkdtempSync(join(tmpdir(), "jiji-deliveries-"))
  const removal = Layer.effectDiscard(
    Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
  )
  return Deliveries.layer.pipe(Layer.provideMerge(openState(join(folder, "serve.sqlite"))), Layer.provideMerge(removal))
}

/** A database as version 1 had it, with a run that has ended and one that has not. */
const versionOne = `
CREATE TABLE runs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  project TEXT NOT NULL,
  words TEXT NOT NULL,
  who TEXT NOT NULL,
  cause TEXT NOT NULL,
  once TEXT UNIQUE,
  busy_key TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT,
  attempt INTEGER NOT NULL DEFAULT 0,
  is_cancelled INTEGER NOT NULL DEFAULT 0,
  process_run TEXT,
  owner TEXT,
  created INTEGER NOT NULL,
  started INTEGER,
  ended INTEGER,
  position INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX runs_queued ON runs (busy_key, number) WHERE status = 'queued';
CREATE INDEX runs_running ON runs (busy_key) WHERE status = 'running';
CREATE INDEX runs_project ON runs (project, number);
CREATE TABLE events (
  run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (run, position)
) WITHOUT ROWID;
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL,
  hash TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER,
  used INTEGER
);
CREATE TABLE server (id INTEGER PRIMARY KEY CHECK (id = 1), owner TEXT NOT NULL);
CREATE TABLE migrations (migration_id integer PRIMARY KEY NOT NULL, created_at datetime NOT NULL DEFAULT current_timestamp,
  name VARCHAR(255) NOT NULL);
INSERT INTO migrations (migration_id, name) VALUES (1, 'runs');
INSERT INTO runs (project, words, who, cause, busy_key, status, created, ended) VALUES
  ('shop', '["deploy"]', 'ci', 'api', 'shop', 'succeeded', 0, 1),
  ('shop', '["deploy"]', 'ci', 'api', 'shop', 'queued', 0, NULL);
`

it.effect("the runs of an older jiji, which ended before there were triggers, start nothing after an upgrade", () => {
  const folder = mkdtempSync(join(tmpdir(), "jiji-upgrade-"))
  const file = join(folder, "serve.sqlite")
  using database = new Database(file)
  database.exec(versionOne)
  return Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql`SELECT status, is_announced FROM runs`
    expect(rows).toEqual([
      { status: "succeeded", is_announced: 1 },
      { status: "queued", is_announced: 0 }
    ])
    const [queued] = yield* (yield* RunStore).list({ limit: 2 })
    expect(queued).toMatchObject({ number: 2, status: "queued", priority: 0, waits: null, exit_code: null })
  }).pipe(
    Effect.provide(RunStore.layer.pipe(Layer.provideMerge(openState(file)))),
    Effect.ensuring(Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
  )
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

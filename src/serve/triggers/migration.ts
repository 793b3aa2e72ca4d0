import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** Adds the tables of triggers. */
export const triggersMigration = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    sender_id TEXT,
    received INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT,
    run INTEGER,
    again_of INTEGER,
    depth INTEGER NOT NULL DEFAULT 0,
    event TEXT,
    bytes INTEGER NOT NULL DEFAULT 0
  )`
  yield* sql`CREATE INDEX deliveries_trigger ON deliveries (project, name, id)`
  yield* sql`CREATE INDEX deliveries_run ON deliveries (run) WHERE run IS NOT NULL`
  yield* sql`CREATE TABLE cron_ticks (
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    line TEXT NOT NULL,
    tick INTEGER NOT NULL,
    PRIMARY KEY (project, name)
  )`
  // Runs that ended before this version start nothing.
  yield* sql`ALTER TABLE runs ADD COLUMN is_announced INTEGER NOT NULL DEFAULT 0`
  yield* sql`UPDATE runs SET is_announced = 1 WHERE ended IS NOT NULL`
  yield* sql`CREATE INDEX runs_unannounced ON runs (number) WHERE ended IS NOT NULL AND is_announced = 0`
})

import { Effect } from "effect"
import { Migrator, SqlClient } from "effect/sql"
import { triggersMigration } from "./triggers/migration.ts"
import { ServeStateNewer, ServeStateUnusable } from "./ServeError.ts"

const first = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE runs (
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
  )`
  yield* sql`CREATE INDEX runs_queued ON runs (busy_key, number) WHERE status = 'queued'`
  yield* sql`CREATE INDEX runs_running ON runs (busy_key) WHERE status = 'running'`
  yield* sql`CREATE INDEX runs_project ON runs (project, number)`
  yield* sql`CREATE TABLE events (
    run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run, position)
  ) WITHOUT ROWID`
  yield* sql`CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    hash TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    used INTEGER
  )`
  yield* sql`CREATE TABLE server (id INTEGER PRIMARY KEY CHECK (id = 1), owner TEXT NOT NULL)`
})

const migrations = { "1_runs": first, "2_triggers": triggersMigration }

/** The number of the last migration. */
const newest = Math.max(...Object.keys(migrations).map((name) => Number.parseInt(name, 10)))

/** Creates the tables, or upgrades them to this version. */
export const migrate = Effect.fnUntraced(
  function* (file: string) {
    yield* Migrator.make({})({ loader: Migrator.fromRecord(migrations), table: "migrations" })
    const sql = yield* SqlClient.SqlClient
    const [last] = yield* sql<{ readonly id: number }>`SELECT max(migration_id) AS id FROM migrations`
    if (Number(last?.id) > newest) return yield* new ServeStateNewer({ file })
  },
  (effect, file) =>
    Effect.catchTag(effect, ["MigrationError", "SqlError"], ({ message }) =>
      Effect.fail(new ServeStateUnusable({ file, detail: message }))
    )
)

import type { Database } from "bun:sqlite"
import { Effect, Schedule } from "effect"
import { ensurePrivateFile } from "./privateFile.ts"
import { RecordUnusable } from "./RecordError.ts"

/** Each entry upgrades the schema by one version. `user_version` counts the applied ones. */
const migrations: ReadonlyArray<string> = [
  `CREATE TABLE runs (
     number INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     pipeline TEXT NOT NULL,
     project TEXT NOT NULL,
     environment TEXT,
     servers TEXT NOT NULL,
     who TEXT NOT NULL,
     owner TEXT NOT NULL,
     began INTEGER NOT NULL,
     seen INTEGER NOT NULL,
     outcome TEXT,
     millis INTEGER,
     bytes INTEGER NOT NULL DEFAULT 0,
     dropped INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE INDEX runs_began ON runs (began);
   CREATE TABLE events (
     number INTEGER PRIMARY KEY,
     run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
     seq INTEGER NOT NULL,
     body TEXT NOT NULL
   ) STRICT;
   CREATE UNIQUE INDEX events_run ON events (run, seq);`,
  // `input` is what is needed to resume a run, `resumes` the run that it continues, `claim` the process that is about to
  // continue it.
  `CREATE TABLE journal (
     run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
     path TEXT NOT NULL,
     body TEXT NOT NULL,
     PRIMARY KEY (run, path)
   ) STRICT, WITHOUT ROWID;
   ALTER TABLE runs ADD COLUMN input TEXT;
   ALTER TABLE runs ADD COLUMN resumes TEXT;
   ALTER TABLE runs ADD COLUMN claim TEXT;`,
  `CREATE TABLE cache (
     id TEXT PRIMARY KEY,
     stored INTEGER NOT NULL,
     size INTEGER NOT NULL,
     body TEXT NOT NULL
   ) STRICT;
   CREATE INDEX cache_stored ON cache (stored);`,
  // A signal is `taken` by the step that it was for, which may read it again after a kill.
  `CREATE TABLE signals (
     number INTEGER PRIMARY KEY,
     run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
     name TEXT NOT NULL,
     value TEXT NOT NULL,
     who TEXT NOT NULL,
     at INTEGER NOT NULL,
     taken TEXT
   ) STRICT;`,
  `CREATE TABLE artifacts (
     run TEXT NOT NULL,
     name TEXT NOT NULL,
     path TEXT NOT NULL,
     size INTEGER NOT NULL,
     saved INTEGER NOT NULL,
     body BLOB NOT NULL,
     PRIMARY KEY (run, name)
   ) STRICT;`
]

/** How long SQLite waits for a lock, in milliseconds. It blocks the whole process, so the recorder retries later instead. */
export const busyTimeout = 100

/** The same for the last write of a run, when nothing else is left to do. */
export const finalBusyTimeout = 1500

const reasonFor = (code: string): RecordUnusable["why"] => {
  if (/^(SQLITE_BUSY|SQLITE_LOCKED)/.test(code)) return "busy"
  if (/^SQLITE_(CORRUPT|NOTADB)|^SQLITE_SCHEMA/.test(code)) return "damaged"
  if (/^(SQLITE_(READONLY|CANTOPEN|PERM|AUTH)|EACCES|EPERM|EROFS|ENOTDIR|EEXIST)/.test(code)) return "denied"
  return /^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(code) ? "full" : "failed"
}

/** Runs a database or file operation and turns what it throws into `RecordUnusable`. */
export const tryDatabase = <A>(file: string, run: () => A) =>
  Effect.try({
    try: run,
    catch: (cause) => {
      if (cause instanceof RecordUnusable) return cause
      const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
      if (/^E[A-Z]+$/.test(code)) return new RecordUnusable({ file, why: reasonFor(code), detail: code, reason: cause })
      const detail = cause instanceof Error ? cause.message : String(cause)
      return new RecordUnusable({ file, why: reasonFor(code), detail })
    }
  })

const schemaVersion = (db: Database): unknown => db.query("PRAGMA user_version").values()[0]?.[0]

const migrate = (db: Database, file: string): void => {
  if (schemaVersion(db) === migrations.length) return
  // When several processes start at once, the first one migrates and the others see its result.
  db.transaction(() => {
    const from = Number(schemaVersion(db))
    if (from > migrations.length) throw new RecordUnusable({ file, why: "newer", detail: "" })
    for (const migration of migrations.slice(from)) db.run(migration)
    db.run(`PRAGMA user_version = ${migrations.length}`)
  }).immediate()
}

const connect = (Sqlite: typeof Database, file: string): Database => {
  ensurePrivateFile(file)
  const db = new Sqlite(file, { readwrite: true, create: true, strict: true })
  try {
    db.run(`PRAGMA busy_timeout = ${busyTimeout}`)
    db.run("PRAGMA auto_vacuum = INCREMENTAL")
    db.run("PRAGMA journal_mode = WAL")
    db.run("PRAGMA synchronous = NORMAL")
    db.run("PRAGMA foreign_keys = ON")
    // A checkpoint during a run would make it wait for the disk. The log stays small because each run's output is limited.
    db.run("PRAGMA wal_autocheckpoint = 0")
    migrate(db, file)
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

/** Processes that create the file at the same time lock each other out. */
const openRetry = Schedule.spaced("30 millis").pipe(Schedule.upTo({ times: 20 }))

/** Opens the run history until the scope closes. Creates it if missing, readable only by this user. */
export const openDatabase = Effect.fnUntraced(function* (file: string) {
  // Loaded on demand, because most commands never need SQLite.
  const sqlite = yield* Effect.promise(() => import("bun:sqlite"))
  return yield* Effect.acquireRelease(
    tryDatabase(file, () => connect(sqlite.Database, file)).pipe(
      Effect.retry({ schedule: openRetry, while: ({ why }) => why === "busy" })
    ),
    (db) => Effect.ignore(tryDatabase(file, () => db.close()))
  )
})

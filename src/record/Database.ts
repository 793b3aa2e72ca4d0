import type { Database } from "bun:sqlite"
import { Effect, Schedule } from "effect"
import { ready } from "./place.ts"
import { RecordUnusable } from "./RecordError.ts"

/** What brings the schema from each version to the next; `user_version` counts those that were done. */
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
   CREATE UNIQUE INDEX events_run ON events (run, seq);`
]

/** How long a writer waits for others, in milliseconds. It is the whole process that waits, so a run tries again later. */
export const patience = 100

/** How long one waits who has nothing else to do. */
export const longPatience = 1500

const why = (code: string): RecordUnusable["why"] => {
  if (/^(SQLITE_BUSY|SQLITE_LOCKED)/.test(code)) return "busy"
  if (/^SQLITE_(CORRUPT|NOTADB)|^SQLITE_SCHEMA/.test(code)) return "damaged"
  if (/^(SQLITE_(READONLY|CANTOPEN|PERM|AUTH)|EACCES|EPERM|EROFS|ENOTDIR|EEXIST)/.test(code)) return "denied"
  return /^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(code) ? "full" : "failed"
}

/** Does something with the record's file, whose errors are then the record's. */
export const attempt = <A>(file: string, run: () => A) =>
  Effect.try({
    try: run,
    catch: (cause) => {
      if (cause instanceof RecordUnusable) return cause
      const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
      const detail = /^SQLITE_|^$/.test(code) ? `${cause instanceof Error ? cause.message : cause}` : code
      return new RecordUnusable({ file, why: why(code), detail })
    }
  })

const version = (db: Database): unknown => db.query("PRAGMA user_version").values()[0]?.[0]

const migrate = (db: Database, file: string): void => {
  if (version(db) === migrations.length) return
  // Of several that come at once, the first does it, and the others find it done.
  db.transaction(() => {
    const from = Number(version(db))
    if (from > migrations.length) throw new RecordUnusable({ file, why: "newer", detail: "" })
    for (const migration of migrations.slice(from)) db.run(migration)
    db.run(`PRAGMA user_version = ${migrations.length}`)
  }).immediate()
}

const make = (Sqlite: typeof Database, file: string): Database => {
  ready(file)
  const db = new Sqlite(file, { readwrite: true, create: true, strict: true })
  try {
    db.run(`PRAGMA busy_timeout = ${patience}`)
    db.run("PRAGMA auto_vacuum = INCREMENTAL")
    db.run("PRAGMA journal_mode = WAL")
    db.run("PRAGMA synchronous = NORMAL")
    db.run("PRAGMA foreign_keys = ON")
    // Not in the middle of a run, which would wait for the disk; what one run writes has a bound.
    db.run("PRAGMA wal_autocheckpoint = 0")
    migrate(db, file)
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

/** Several processes that make the file at the same moment get in each other's way. */
const again = Schedule.spaced("30 millis").pipe(Schedule.upTo({ times: 20 }))

/** Opens the record until the scope closes; makes it, for this user's eyes alone, where it is not there. */
export const open = Effect.fnUntraced(function* (file: string) {
  // Only who needs it waits for it to load.
  const sqlite = yield* Effect.promise(() => import("bun:sqlite"))
  return yield* Effect.acquireRelease(
    attempt(file, () => make(sqlite.Database, file)).pipe(
      Effect.retry({ schedule: again, while: ({ why }) => why === "busy" })
    ),
    (db) => Effect.ignore(attempt(file, () => db.close()))
  )
})

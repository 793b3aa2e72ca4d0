import type { Database } from "bun:sqlite"
import { Effect, Layer, Semaphore, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"
import { ensurePrivateFile } from "../record/privateFile.ts"
import { RecordUnusable } from "../record/RecordError.ts"
import { ServeStateUnusable } from "./ServeError.ts"

/** How long SQLite waits for another process that writes, such as `jiji token`. It blocks this process. */
const busyTimeout = 2000

type Row = Readonly<Record<string, unknown>>
type Parameter = string | number | bigint | boolean | null | Uint8Array

const open = (Sqlite: typeof Database, file: string): Database => {
  ensurePrivateFile(file)
  const db = new Sqlite(file, { create: true, readwrite: true })
  try {
    db.run(`PRAGMA busy_timeout = ${busyTimeout}`)
    db.run("PRAGMA auto_vacuum = INCREMENTAL")
    db.run("PRAGMA journal_mode = WAL")
    // An answer to a request promises that the run survives, also a loss of power.
    db.run("PRAGMA synchronous = FULL")
    db.run("PRAGMA foreign_keys = ON")
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

const connection = (db: Database): SqlConnection.Connection => {
  const attempt = <A>(operation: string, run: () => A) =>
    Effect.try({
      try: run,
      catch: (cause) =>
        new SqlError.SqlError({ reason: SqlError.classifySqliteError(cause, { message: String(cause), operation }) })
    })
  // The statements of this folder have no other parameters.
  const bind = (parameters: ReadonlyArray<unknown>) => parameters as Array<Parameter>
  const rows = (sql: string, parameters: ReadonlyArray<unknown>) =>
    attempt("execute", () => db.query<Row, Array<Parameter>>(sql).all(...bind(parameters)))
  const values = (sql: string, parameters: ReadonlyArray<unknown>) =>
    attempt("executeValues", () => db.query(sql).values(...bind(parameters)))
  const execute: SqlConnection.Connection["execute"] = (sql, parameters, transform) =>
    transform === undefined ? rows(sql, parameters) : Effect.map(rows(sql, parameters), transform)
  return {
    execute,
    executeUnprepared: execute,
    executeRaw: rows,
    executeStream: () => Stream.die("executeStream is not supported"),
    executeValues: values,
    executeValuesUnprepared: values
  }
}

/**
 * SQLite in a file that only this user can read. A driver of our own over `bun:sqlite`, since @effect/sql-sqlite-bun has no
 * release for effect 4.
 */
export const sqliteLayer = (file: string): Layer.Layer<SqlClient.SqlClient, ServeStateUnusable> =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const sqlite = yield* Effect.promise(() => import("bun:sqlite"))
      const db = yield* Effect.acquireRelease(
        Effect.try({
          try: () => open(sqlite.Database, file),
          catch: (cause) =>
            new ServeStateUnusable({
              file,
              detail:
                cause instanceof RecordUnusable
                  ? "it, or its folder, is a link or belongs to another user"
                  : cause instanceof Error
                    ? cause.message
                    : String(cause)
            })
        }),
        (db) => Effect.sync(() => db.close())
      )
      const acquirers = SqlClient.makeSqliteAcquirers({
        connection: Effect.succeed(connection(db)),
        semaphore: yield* Semaphore.make(1),
        isTransaction: () => db.inTransaction
      })
      return yield* SqlClient.make({
        ...acquirers,
        compiler: Statement.makeCompilerSqlite(),
        driver: "sqlite-bun",
        spanAttributes: [["db.system.name", "sqlite"]]
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))

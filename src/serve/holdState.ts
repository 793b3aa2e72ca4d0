import type { Database } from "bun:sqlite"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { ensurePrivateFile } from "../record/privateFile.ts"
import { currentOwner, isAlive } from "../record/Owner.ts"
import { AlreadyServing, ServeStateUnusable } from "./ServeError.ts"

const isBusy = (cause: unknown): boolean => cause instanceof Error && "code" in cause && cause.code === "SQLITE_BUSY"

/**
 * Locks a file for this process, and returns undefined if another process has done so. The kernel ends the lock with the process,
 * however it ends, and it counts in other containers that mount the same folder: process IDs and host names say nothing there.
 * It is a database without tables, since SQLite knows how to lock and Bun does not.
 */
const lock = (Sqlite: typeof Database, file: string): Database | undefined => {
  ensurePrivateFile(file)
  const db = new Sqlite(file, { create: true, readwrite: true })
  try {
    db.run("BEGIN EXCLUSIVE")
    return db
  } catch (cause) {
    db.close()
    if (isBusy(cause)) return undefined
    throw cause
  }
}

/** Holds the database for this process until the scope closes: two processes would start the same runs. */
export const holdState = Effect.fnUntraced(function* (file: string) {
  const { Database } = yield* Effect.promise(() => import("bun:sqlite"))
  const sql = yield* SqlClient.SqlClient
  const held = yield* Effect.acquireRelease(
    Effect.try({
      try: () => lock(Database, `${file}.lock`),
      catch: (cause) =>
        new ServeStateUnusable({ file: `${file}.lock`, detail: cause instanceof Error ? cause.message : String(cause) })
    }),
    (db) => Effect.sync(() => db?.close())
  )
  yield* Effect.acquireRelease(
    sql.withTransaction(
      Effect.gen(function* () {
        const [holder] = yield* sql<{ readonly owner: string }>`SELECT owner FROM server`
        // A process of an older version has no lock.
        if (held === undefined || (holder !== undefined && isAlive(holder.owner) === true)) {
          const [host = "", , pid = ""] = holder?.owner.split(" ") ?? []
          // It has the lock, and has not written its name yet.
          const process = holder === undefined ? "another process" : `process ${pid} on ${host}`
          return yield* new AlreadyServing({ file, process })
        }
        yield* sql`DELETE FROM server`
        yield* sql`INSERT INTO server (id, owner) VALUES (1, ${currentOwner()})`
      })
    ),
    () => Effect.ignore(sql`DELETE FROM server`)
  )
})

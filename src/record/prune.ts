import type { Database } from "bun:sqlite"
import { historyLimits } from "./limits.ts"
import { busyTimeout } from "./Database.ts"

const day = 24 * 60 * 60 * 1000

/** How many free pages one call returns to the file system. */
const vacuumPages = 4000

/** Deletes the oldest runs until the history is within its limits, and returns their space to the file system. */
export const prune = (
  db: Database,
  now: number,
  limits: typeof historyLimits | Record<keyof typeof historyLimits, number> = historyLimits
): void => {
  db.run(`PRAGMA busy_timeout = ${busyTimeout}`)
  const oldest = now - limits.days * day
  db.query(
    `DELETE FROM runs WHERE number IN (
       SELECT number FROM (
         SELECT number, began, outcome IS NULL AND seen > ? AS open, row_number() OVER newest AS place, sum(bytes + kept) OVER newest AS total
         FROM (SELECT *, coalesce((SELECT sum(size) FROM artifacts WHERE run = id), 0) AS kept FROM runs) WINDOW newest AS (ORDER BY began DESC, number DESC)
       )
       WHERE NOT open AND (place > ? OR began < ? OR (place > 1 AND total > ?))
     )`
  ).run(now - day, limits.runs, oldest, limits.bytes)
  // A run that has just started may not be recorded yet.
  db.query("DELETE FROM artifacts WHERE saved < ? AND run NOT IN (SELECT id FROM runs)").run(now - day)
  db.query(`PRAGMA incremental_vacuum(${vacuumPages})`).all()
  db.query("PRAGMA wal_checkpoint(PASSIVE)").all()
}

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
         SELECT number, began, outcome IS NULL AND seen > ? AS open, row_number() OVER newest AS place, sum(bytes) OVER newest AS total
         FROM runs WINDOW newest AS (ORDER BY began DESC, number DESC)
       )
       WHERE NOT open AND (place > ? OR began < ? OR (place > 1 AND total > ?))
     )`
  ).run(now - day, limits.runs, oldest, limits.bytes)
  db.query(`PRAGMA incremental_vacuum(${vacuumPages})`).all()
  db.query("PRAGMA wal_checkpoint(PASSIVE)").all()
}

import type { Database } from "bun:sqlite"
import { kept } from "./bounds.ts"
import { patience } from "./Database.ts"

const day = 24 * 60 * 60 * 1000

/** Pages of the file that are given back at a time. */
const pages = 4000

/** Takes away what is beyond the record's bounds, the oldest runs first, and gives their room back. */
export const prune = (
  db: Database,
  now: number,
  most: typeof kept | Record<keyof typeof kept, number> = kept
): void => {
  db.run(`PRAGMA busy_timeout = ${patience}`)
  const oldest = now - most.days * day
  db.query(
    `DELETE FROM runs WHERE number IN (
       SELECT number FROM (
         SELECT number, began, outcome IS NULL AND seen > ? AS open, row_number() OVER newest AS place, sum(bytes) OVER newest AS total
         FROM runs WINDOW newest AS (ORDER BY began DESC, number DESC)
       )
       WHERE NOT open AND (place > ? OR began < ? OR (place > 1 AND total > ?))
     )`
  ).run(now - day, most.runs, oldest, most.bytes)
  db.query(`PRAGMA incremental_vacuum(${pages})`).all()
  db.query("PRAGMA wal_checkpoint(PASSIVE)").all()
}

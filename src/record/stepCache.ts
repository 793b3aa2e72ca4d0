import type { Database } from "bun:sqlite"
import { existsSync } from "node:fs"
import { Effect, Layer, Option, Schema, Scope } from "effect"
import { CurrentStepCache, type StepCache } from "../core/StepCache.ts"
import { openDatabase, tryDatabase } from "./Database.ts"

/** How many results are kept, how old they may get, and how large they may be together. The oldest are deleted first. */
const cacheLimits = { entries: 1000, days: 90, characters: 64 * 1024 * 1024 } as const

/** What results belong to. A result may refer to files of one folder or to servers of one environment. */
interface CacheOwner {
  readonly project: string
  readonly environment?: string
  /** The folder of the project. */
  readonly root: string
}

const Row = Schema.Struct({ body: Schema.String, stored: Schema.Int })
const decodeRow = Schema.decodeUnknownOption(Row)

const day = 24 * 60 * 60 * 1000

const prune = (db: Database, now: number, limits: Record<keyof typeof cacheLimits, number>): void => {
  db.query(
    `DELETE FROM cache WHERE stored < ? OR id IN (
       SELECT id FROM (
         SELECT id, row_number() OVER newest AS place, sum(size) OVER newest AS total
         FROM cache WINDOW newest AS (ORDER BY stored DESC, id)
       )
       WHERE place > ? OR total > ?
     )`
  ).run(now - limits.days * day, limits.entries, limits.characters)
}

/** Opens the history when it is first needed. A history that cannot be used has nothing: the recorder warns about it. */
const makeCache = Effect.fnUntraced(function* (
  file: string,
  owner: CacheOwner,
  open: Effect.Effect<Option.Option<Database>, never, Scope.Scope>,
  limits: Record<keyof typeof cacheLimits, number>
) {
  const scope = yield* Effect.scope
  const opened = yield* Effect.cached(Effect.provideService(open, Scope.Scope, scope))
  const use = <A>(run: (db: Database) => A): Effect.Effect<A | undefined> =>
    Effect.flatMap(opened, (db) =>
      Option.isNone(db)
        ? Effect.undefined
        : Effect.catch(
            tryDatabase(file, () => run(db.value)),
            () => Effect.undefined
          )
    )
  const { environment = null, project, root } = owner
  const keyOf = (id: string) =>
    new Bun.CryptoHasher("sha256").update(JSON.stringify([project, environment, root, id])).digest("hex")
  const cache: StepCache = {
    read: (id) =>
      Effect.map(
        use((db) => db.query("SELECT body, stored FROM cache WHERE id = ?").get(keyOf(id))),
        (row) =>
          Option.match(decodeRow(row), {
            onNone: () => undefined,
            onSome: ({ body, stored }) => ({ body, storedAt: stored })
          })
      ),
    write: (id, { body, storedAt }) =>
      use((db) =>
        db
          .transaction(() => {
            db.query("INSERT OR REPLACE INTO cache (id, stored, size, body) VALUES (?, ?, ?, ?)").run(
              keyOf(id),
              storedAt,
              body.length,
              body
            )
            prune(db, storedAt, limits)
          })
          .immediate()
      ),
    forget: (id) => use((db) => void db.query("DELETE FROM cache WHERE id = ?").run(keyOf(id)))
  }
  return cache
})

/** Keeps the results of cached steps in the file of the run history, for the owner. */
export const stepCacheLayer = (
  file: string,
  owner: CacheOwner,
  limits: Record<keyof typeof cacheLimits, number> = cacheLimits
): Layer.Layer<never> =>
  Layer.effect(CurrentStepCache, makeCache(file, owner, Effect.option(openDatabase(file)), limits))

/** The same for dry runs, which only look. A step that a run would skip says so. */
export const dryStepCacheLayer = (file: string, owner: CacheOwner): Layer.Layer<never> => {
  const open = Effect.suspend(() => (existsSync(file) ? Effect.option(openDatabase(file)) : Effect.succeedNone))
  return Layer.effect(
    CurrentStepCache,
    Effect.map(makeCache(file, owner, open, cacheLimits), ({ read }): StepCache => ({
      read,
      write: () => Effect.void,
      forget: () => Effect.void,
      onHit: (reason) => Effect.logInfo(`a run skips this step: ${reason}`)
    }))
  )
}

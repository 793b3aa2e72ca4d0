import type { Database } from "bun:sqlite"
import { existsSync } from "node:fs"
import { Clock, Effect, Layer, Option, Schema, Scope } from "effect"
import { ArtifactNotKept, artifactLimits, CurrentArtifacts } from "../core/Artifact.ts"
import { CurrentRun } from "../core/Events.ts"
import { formatBytes } from "../core/units.ts"
import { openDatabase, tryDatabase } from "./Database.ts"
import { findRun } from "./read.ts"
import { ArtifactNotFound, NoRunKept } from "./RecordError.ts"

const Row = Schema.Struct({ name: Schema.String, path: Schema.String, size: Schema.Int })
const decodeRow = Schema.decodeUnknownOption(Row)

/** An artifact that is kept with a run. */
export type StoredArtifact = typeof Row.Type

const listOf = (db: Database, run: string): ReadonlyArray<StoredArtifact> =>
  db
    .query("SELECT name, path, size FROM artifacts WHERE run = ? ORDER BY name")
    .all(run)
    .flatMap((row) => Option.toArray(decodeRow(row)))

const insert = (db: Database, run: string, name: string, path: string, body: Uint8Array, now: number) => {
  const others = listOf(db, run).filter((each) => each.name !== name || each.path !== path)
  if (others.some((each) => each.name === name)) {
    throw new ArtifactNotKept({
      name,
      why: "another step of this run has kept one of this name",
      advice: "Give each step and each item a name of its own."
    })
  }
  const total = others.reduce((sum, { size }) => sum + size, body.length)
  if (total > artifactLimits.run) {
    throw new ArtifactNotKept({
      name,
      why: `all artifacts of this run have ${formatBytes(total)} with it, and can have ${formatBytes(artifactLimits.run)}`,
      advice: "Keep fewer or smaller ones, or store them elsewhere."
    })
  }
  db.query("INSERT OR REPLACE INTO artifacts (run, name, path, size, saved, body) VALUES (?, ?, ?, ?, ?, ?)").run(
    run,
    name,
    path,
    body.length,
    now,
    body
  )
}

/** Keeps artifacts in the file of the run history. The run is the one that builds the layer: nested runs have no record. */
export const artifactsLayer = (file: string): Layer.Layer<never> =>
  Layer.effect(
    CurrentArtifacts,
    Effect.gen(function* () {
      const run = yield* CurrentRun
      const scope = yield* Effect.scope
      const opened = yield* Effect.cached(Effect.provideService(openDatabase(file), Scope.Scope, scope))
      return {
        save: (name, path, body) =>
          Effect.gen(function* () {
            const now = yield* Clock.currentTimeMillis
            const db = yield* opened
            const refused = yield* tryDatabase(file, () => {
              try {
                db.transaction(() => insert(db, run, name, path, body, now)).immediate()
                return undefined
              } catch (error) {
                if (error instanceof ArtifactNotKept) return error
                throw error
              }
            })
            if (refused !== undefined) return yield* refused
          }).pipe(
            Effect.catchTag("RecordUnusable", ({ message, remedy }) =>
              Effect.fail(new ArtifactNotKept({ name, why: message.replace(/\.$/, ""), advice: remedy }))
            )
          )
      }
    })
  )

/** The artifacts of a run, by name. `id` is the full ID of the run. */
export const listArtifacts = Effect.fnUntraced(function* (file: string, id: string) {
  if (!existsSync(file)) return []
  const db = yield* openDatabase(file)
  return yield* tryDatabase(file, () => listOf(db, id))
}, Effect.scoped)

/** The content of an artifact. Without an ID, that of the last run. */
export const readArtifact = Effect.fnUntraced(function* (file: string, name: string, id: Option.Option<string>) {
  if (!existsSync(file)) return yield* new NoRunKept({ file })
  const db = yield* openDatabase(file)
  const run = yield* findRun(file, db, id)
  const body = yield* tryDatabase(
    file,
    () => db.query("SELECT body FROM artifacts WHERE run = ? AND name = ?").values(run.id, name)[0]?.[0]
  )
  if (body instanceof Uint8Array) return body
  const names = (yield* tryDatabase(file, () => listOf(db, run.id))).map((each) => each.name)
  return yield* new ArtifactNotFound({ run: run.id, name, names })
}, Effect.scoped)

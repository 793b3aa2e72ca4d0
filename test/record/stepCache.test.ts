import { Database } from "bun:sqlite"
import { afterAll, describe, expect } from "bun:test"
import { Effect } from "effect"
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { CurrentStepCache, type StepCache } from "../../src/core/StepCache.ts"
import { dryStepCacheLayer, stepCacheLayer } from "../../src/record/stepCache.ts"
import { it } from "../support/effect.ts"

const folder = mkdtempSync(join(tmpdir(), "jiji-cache-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newFile = () => join(folder, `${++files}`, "state", "runs.sqlite")
const owner = { project: "shop", root: "/home/me/shop" }
const wide = { entries: 1000, days: 90, characters: 1_000_000 }

/** Opens the cache as a new process would. */
const open = <A>(
  file: string,
  use: (cache: StepCache) => Effect.Effect<A>,
  about: Parameters<typeof stepCacheLayer>[1] = owner,
  limits = wide
) =>
  Effect.flatMap(CurrentStepCache, (cache) => (cache === undefined ? Effect.die("no cache") : use(cache))).pipe(
    Effect.provide(stepCacheLayer(file, about, limits))
  )
const entry = (body: string, storedAt = 1_000_000_000_000) => ({ body, storedAt })

describe("the cache of steps", () => {
  it.live("keeps entries between processes, readable only by this user", () =>
    Effect.gen(function* () {
      const file = newFile()
      yield* open(file, ({ write }) => write("a", entry("1")))
      yield* open(file, ({ write }) => write("a", entry("2", 1_000_000_000_005)))
      expect(yield* open(file, ({ read }) => read("a"))).toEqual(entry("2", 1_000_000_000_005))
      expect(yield* open(file, ({ read }) => read("b"))).toBeUndefined()
      expect(statSync(file).mode & 0o777).toBe(0o600)
      yield* open(file, ({ forget }) => forget("a"))
      expect(yield* open(file, ({ read }) => read("a"))).toBeUndefined()
    })
  )

  it.live("keeps projects, environments and folders apart", () =>
    Effect.gen(function* () {
      const file = newFile()
      yield* open(file, ({ write }) => write("a", entry("1")))
      for (const other of [
        { ...owner, project: "blog" },
        { ...owner, environment: "staging" },
        { ...owner, root: "/home/me/shop2" }
      ])
        expect(yield* open(file, ({ read }) => read("a"), other)).toBeUndefined()
    })
  )

  it.live("deletes the oldest entries, those that are too old, and those beyond the size limit", () =>
    Effect.gen(function* () {
      const file = newFile()
      const day = 24 * 60 * 60 * 1000
      const now = 1_000_000_000_000
      const put = (limits: typeof wide, ids: ReadonlyArray<readonly [string, number, string?]>) =>
        open(
          file,
          ({ write }) => Effect.forEach(ids, ([id, at, body = "1"]) => write(id, entry(body, at)), { discard: true }),
          owner,
          limits
        )
      const kept = open(file, ({ read }) =>
        Effect.map(Effect.forEach(["a", "b", "c", "d"], read), (all) => all.map((each) => each !== undefined))
      )
      yield* put({ ...wide, entries: 2 }, [
        ["a", now],
        ["b", now + 1],
        ["c", now + 2]
      ])
      expect(yield* kept).toEqual([false, true, true, false])
      yield* put(wide, [["d", now + 2 + 90 * day]])
      expect(yield* kept).toEqual([false, false, true, true])
      yield* put({ ...wide, characters: 10 }, [["a", now + 3 + 90 * day, "x".repeat(9)]])
      expect(yield* kept).toEqual([true, false, false, true])
    })
  )

  it.live("finds nothing, and fails nothing, if the file cannot be used", () =>
    Effect.gen(function* () {
      const file = newFile()
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, "not a database ".repeat(100))
      yield* open(file, ({ write }) => write("a", entry("1")))
      expect(yield* open(file, ({ read }) => read("a"))).toBeUndefined()
      yield* open(file, ({ forget }) => forget("a"))
    })
  )

  it.live("ignores a row that it cannot have written", () =>
    Effect.gen(function* () {
      const file = newFile()
      yield* open(file, ({ write }) => write("a", entry("1")))
      using db = new Database(file)
      db.run("DROP TABLE cache")
      db.run("CREATE TABLE cache (id TEXT PRIMARY KEY, stored, size, body)")
      yield* open(file, ({ write }) => write("a", entry("1")))
      db.run("UPDATE cache SET stored = 'yesterday'")
      expect(yield* open(file, ({ read }) => read("a"))).toBeUndefined()
    })
  )

  it.live("does not write in a dry run, nor create a file", () =>
    Effect.gen(function* () {
      const file = newFile()
      const dry = Effect.flatMap(CurrentStepCache, (cache) =>
        cache === undefined ? Effect.die("no cache") : Effect.andThen(cache.write("b", entry("1")), cache.read("a"))
      ).pipe(Effect.provide(dryStepCacheLayer(file, owner)))
      expect(yield* dry).toBeUndefined()
      expect(existsSync(file)).toBe(false)
      yield* open(file, ({ write }) => write("a", entry("1")))
      expect(yield* dry).toEqual(entry("1"))
      expect(yield* open(file, ({ read }) => read("b"))).toBeUndefined()
    })
  )
})

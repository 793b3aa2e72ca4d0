import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { contextHash } from "../../src/steps/contextHash.ts"
import { Files, folder } from "../config/project.ts"
import { it } from "../support/effect.ts"

const files = { "app/Dockerfile": "FROM scratch\n", "app/bin/serve": "one", "app/empty": "" }

/** A new folder with files. `hash` hashes its folder `app`, or the given paths. */
const project = Effect.map(folder(files), (root) => ({
  root,
  path: (name: string) => join(root, name),
  hash: (...names: ReadonlyArray<string>) =>
    Effect.provide(contextHash((names.length === 0 ? ["app"] : names).map((name) => join(root, name))), Files)
}))

describe("the hash of a build context", () => {
  it.live("is the same for the same files in another folder", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* project, yield* project]
      const hash = yield* one.hash()
      expect(hash).toMatch(/^[0-9a-f]{12}$/)
      expect(yield* two.hash()).toBe(hash)
      symlinkSync(one.path("app"), one.path("link"))
      expect(yield* one.hash("link")).toBe(hash)
    })
  )

  it.live("changes with every change to a file", () =>
    Effect.gen(function* () {
      const { hash, path } = yield* project
      const seen = new Set([yield* hash()])
      const changes = [
        () => writeFileSync(path("app/bin/serve"), "two"),
        () => renameSync(path("app/bin/serve"), path("app/bin/server")),
        () => renameSync(path("app/bin/server"), path("app/server")),
        () => rmSync(path("app/empty")),
        () => mkdirSync(path("app/folder")),
        () => symlinkSync("server", path("app/link")),
        () => (rmSync(path("app/link")), symlinkSync("nowhere", path("app/link"))),
        () => writeFileSync(path("app/.hidden"), "")
      ]
      for (const change of changes) {
        change()
        const now = yield* hash()
        expect(seen.has(now)).toBe(false)
        seen.add(now)
      }
    })
  )

  it.live("does not confuse contents with names", () =>
    Effect.gen(function* () {
      const { hash, path } = yield* project
      mkdirSync(path("a"))
      mkdirSync(path("b"))
      writeFileSync(path("a/x"), "1")
      writeFileSync(path("a/y"), "")
      writeFileSync(path("b/x"), "1file /y\u00000\u0000")
      expect(yield* hash("a")).not.toBe(yield* hash("b"))
    })
  )

  it.live("ignores .env files, .git and .jiji", () =>
    Effect.gen(function* () {
      const { hash, path } = yield* project
      const before = yield* hash()
      for (const name of [".git", ".jiji"]) {
        mkdirSync(path(`app/${name}`))
        writeFileSync(path(`app/${name}/file`), "x")
      }
      writeFileSync(path("app/.env"), "A=1")
      writeFileSync(path("app/.env.staging"), "A=1")
      expect(yield* hash()).toBe(before)
    })
  )

  it.live("includes a Dockerfile outside the context", () =>
    Effect.gen(function* () {
      const { hash, path } = yield* project
      writeFileSync(path("Dockerfile"), "FROM a\n")
      const before = yield* hash("app", "Dockerfile")
      writeFileSync(path("Dockerfile"), "FROM b\n")
      expect(yield* hash("app", "Dockerfile")).not.toBe(before)
    })
  )

  it.live("ends despite circular links", () =>
    Effect.gen(function* () {
      const { hash, path } = yield* project
      symlinkSync(".", path("app/circle"))
      symlinkSync("..", path("app/bin/up"))
      expect(yield* hash()).toMatch(/^[0-9a-f]{12}$/)
    })
  )

  it.live("does not fail if the context cannot be read, because the build reports that", () =>
    Effect.gen(function* () {
      const { hash } = yield* project
      expect(yield* hash("nowhere")).toMatch(/^[0-9a-f]{12}$/)
    })
  )
})

import { describe, expect } from "bun:test"
import { statSync, writeFileSync } from "node:fs"
import { Deferred, Effect, Exit, Fiber, FileSystem, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Store from "../../../src/layers/registry/Store.ts"
import * as Platform from "../../../src/layers/Platform.ts"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import { folder, sha256 } from "./fixtures.ts"

const bytes = new TextEncoder().encode("a layer")
const digest = `sha256:${sha256(bytes)}`
const isSealed = (store: Store.Store) => statSync(store.blobPath(digest)).mtimeMs === 946_684_800_000

/** A store as one process has it: its flushes wait for `disk`, and it counts the files that it reads to hash them. */
const open = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const disk = yield* Deferred.make<void>()
  const scope = yield* Scope.make()
  const hashed: Array<string> = []
  const slow: FileSystem.FileSystem = {
    ...fs,
    stream: (path, options) => {
      hashed.push(path)
      return fs.stream(path, options)
    },
    open: (path, options) =>
      Effect.map(fs.open(path, options), (handle) => ({
        ...handle,
        writeAll: (buffer) => handle.writeAll(buffer),
        sync: Effect.andThen(Deferred.await(disk), handle.sync)
      }))
  }
  const store = yield* Store.make(directory).pipe(
    Effect.provideService(FileSystem.FileSystem, slow),
    Effect.provideService(Scope.Scope, scope)
  )
  const keep = Effect.scoped(
    Effect.flatMap(store.stage({ bytes: new Blob([bytes]).stream(), onError: String }), store.commit)
  )
  return { store, keep, hashed, flush: Deferred.succeed(disk, undefined), end: Scope.close(scope, Exit.void) }
}, Effect.provide(Platform.layer))

describe("a new blob", () => {
  it.live("is available before it is on disk, and sealed only afterwards", () =>
    Effect.gen(function* () {
      const { end, flush, keep, store } = yield* open(yield* folder)
      expect(yield* keep).toBe(bytes.length)
      expect(yield* store.hasBlob(digest, bytes.length)).toBe(true)
      expect(isSealed(store)).toBe(false)
      yield* flush
      yield* end
      expect(isSealed(store)).toBe(true)
    })
  )

  it.live("is not hashed again by the process that wrote it, but by every other one until it is sealed", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const mine = yield* open(directory)
      yield* mine.keep
      expect(yield* mine.store.hasBlob(digest, bytes.length)).toBe(true)
      expect(yield* mine.keep).toBe(0)
      expect(mine.hashed).toEqual([])

      const other = yield* open(directory)
      expect(yield* other.store.hasBlob(digest, bytes.length)).toBe(true)
      expect(yield* other.store.hasBlob(digest, bytes.length)).toBe(true)
      expect(other.hashed.length).toBe(1)

      yield* mine.flush
      yield* mine.end
      const later = yield* open(directory)
      expect(yield* later.store.hasBlob(digest, bytes.length)).toBe(true)
      expect(later.hashed).toEqual([])
      yield* Effect.all([other.flush, other.end, later.end])
    })
  )

  it.live("is neither trusted nor sealed if its file changed before it was on disk", () =>
    Effect.gen(function* () {
      const { end, flush, keep, store } = yield* open(yield* folder)
      yield* keep
      // The store compares whole milliseconds.
      const time = () => Math.floor(statSync(store.blobPath(digest)).mtimeMs)
      const before = time()
      yield* untilEffect(() => {
        writeFileSync(store.blobPath(digest), "another")
        return time() !== before
      })
      expect(yield* store.hasBlob(digest, bytes.length)).toBe(false)
      yield* flush
      yield* end
      expect(isSealed(store)).toBe(false)
    })
  )

  it.effect("does not block the end of a run when the disk hangs", () =>
    Effect.gen(function* () {
      const { end, keep, store } = yield* open(yield* folder)
      yield* keep
      const ending = yield* Effect.forkChild(end, { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(ending)
      expect(isSealed(store)).toBe(false)
    })
  )
})

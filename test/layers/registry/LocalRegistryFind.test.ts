import { describe, expect } from "bun:test"
import { statSync, utimesSync, writeFileSync } from "node:fs"
import { Effect, Fiber, Option, Stream } from "effect"
import { LocalRegistry } from "../../../src/layers/registry/LocalRegistry.ts"
import { Events } from "../../../src/core/Events.ts"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as Fixtures from "./fixtures.ts"
import { naming, blobs, blobPath, sample } from "./stored.ts"

const { archive, docker20, folder, hexOf, registryIn, sha256 } = Fixtures

/** What a registry in a folder notes while it is used. */
const notesOf = <E>(use: Effect.Effect<void, E, LocalRegistry>, directory: string) =>
  Effect.gen(function* () {
    const stream = yield* (yield* Events).subscribe
    const reading = yield* Effect.forkChild(
      Stream.runCollect(Stream.takeUntil(stream, ({ _tag }) => _tag === "RunSucceeded"))
    )
    yield* Effect.provide(use, LocalRegistry.layer({ directory }))
    yield* (yield* Events).publish({ _tag: "RunSucceeded", millis: 0 })
    return (yield* Fiber.join(reading)).flatMap((event) => (event._tag === "StepNoted" ? [event.text] : []))
  }).pipe(Effect.provide(Fixtures.surroundings), Effect.scoped)

/** Waits until all blobs are known to be on disk. */
const sealed = (directory: string) =>
  untilEffect(
    () => blobs(directory).map((name) => statSync(`${directory}/blobs/sha256/${name}`).mtimeMs),
    (times) => times.every((time) => time === 946_684_800_000)
  )

describe("finding an image", () => {
  const added = Effect.gen(function* () {
    const directory = yield* folder
    const registry = yield* registryIn(directory)
    const one = yield* sample
    const stored = yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
    const [biggest = new Uint8Array()] = one.layers
    yield* sealed(directory)
    return { directory, registry, one, stored, path: blobPath(directory, biggest), biggest }
  })

  it.live("distinguishes it from one that was never added", () =>
    Effect.gen(function* () {
      const { registry, one, stored } = yield* added
      const other = yield* sample
      expect(yield* registry.find(naming(one.id))).toEqual(Option.some({ ...stored, added: 0 }))
      expect(Option.isNone(yield* registry.find(naming(other.id)))).toBe(true)
    })
  )

  it.live("recognizes an id without the algorithm, as podman writes it", () =>
    Effect.gen(function* () {
      const { registry, one } = yield* added
      expect(Option.isSome(yield* registry.find(naming(hexOf(one.id))))).toBe(true)
    })
  )

  it.live("notices a missing blob, and adds the image again", () =>
    Effect.gen(function* () {
      const { registry, one, path, biggest } = yield* added
      yield* Effect.promise(() => Bun.file(path).delete())
      expect(Option.isNone(yield* registry.find(naming(one.id)))).toBe(true)
      const again = yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
      expect(again.added).toBe(biggest.length)
      expect(Option.isSome(yield* registry.find(naming(one.id)))).toBe(true)
    })
  )

  it.live("notices a blob that was changed in place, and replaces it", () =>
    Effect.gen(function* () {
      const { registry, one, path, biggest } = yield* added
      const changed = new Uint8Array(biggest)
      changed[1000] = (changed[1000] ?? 0) ^ 1
      writeFileSync(path, changed)
      expect(Option.isNone(yield* registry.find(naming(one.id)))).toBe(true)
      yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
      expect(sha256(yield* Effect.promise(() => Bun.file(path).bytes()))).toBe(sha256(biggest))
    })
  )

  it.live("notices a truncated blob, whatever its time of change", () =>
    Effect.gen(function* () {
      const { registry, one, path, biggest } = yield* added
      const { mtime } = statSync(path)
      writeFileSync(path, biggest.subarray(0, 1000))
      utimesSync(path, mtime, mtime)
      expect(Option.isNone(yield* registry.find(naming(one.id)))).toBe(true)
    })
  )

  it.live("trusts a blob that was restored from a backup with another time of change", () =>
    Effect.gen(function* () {
      const { directory, registry, one, path } = yield* added
      utimesSync(path, 1, 1)
      expect(Option.isSome(yield* registry.find(naming(one.id)))).toBe(true)
      yield* sealed(directory)
    })
  )

  it.live("reports a damaged blob once", () =>
    Effect.gen(function* () {
      const { directory, one, path, biggest } = yield* added
      writeFileSync(path, new Uint8Array(biggest.length))
      const notes = yield* notesOf(
        Effect.gen(function* () {
          const registry = yield* LocalRegistry
          expect(Option.isNone(yield* registry.find(naming(one.id)))).toBe(true)
          yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
          expect(Option.isSome(yield* registry.find(naming(one.id)))).toBe(true)
        }),
        directory
      )
      const digest = `sha256:${sha256(biggest)}`
      expect(notes).toEqual([`${digest.slice(7, 19)}… in ${directory} is corrupted; importing it again`])
    })
  )

  it.live("does not find an image whose manifest was changed", () =>
    Effect.gen(function* () {
      const { directory, registry, one, stored } = yield* added
      writeFileSync(`${directory}/blobs/sha256/${hexOf(stored.digest)}`, "{}")
      expect(Option.isNone(yield* registry.find(naming(one.id)))).toBe(true)
    })
  )
})

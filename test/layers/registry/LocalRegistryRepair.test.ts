import { describe, expect } from "bun:test"
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { Effect, Fiber, Option, Stream } from "effect"
import { LocalRegistry } from "../../../src/layers/registry/LocalRegistry.ts"
import { Events } from "../../../src/core/Events.ts"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as Fixtures from "./fixtures.ts"
import { blobs, naming, sample } from "./stored.ts"

const { archive, docker20, docker25, folder, hexOf, image, layer, podman, registryIn, sha256 } = Fixtures

const sealTime = 946_684_800

/** Flips one bit, as a failing disk does: size and time stay the same. */
const flipBit = (path: string) => {
  const bytes = new Uint8Array(readFileSync(path))
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  const { atime, mtime } = statSync(path)
  writeFileSync(path, bytes)
  utimesSync(path, atime, mtime)
}

/** Puts a folder that looks sealed in a blob's place. */
const replaceByFolder = (path: string) => {
  rmSync(path)
  mkdirSync(path)
  writeFileSync(`${path}/file`, "")
  utimesSync(path, sealTime, sealTime)
}

const damages = [
  ["has a flipped bit", flipBit],
  ["is a folder", replaceByFolder],
  ["is missing", (path: string) => rmSync(path)]
] as const

/** The names of all blobs that do not match their digest. */
const brokenBlobs = (directory: string) =>
  blobs(directory).filter((name) => {
    const path = `${directory}/blobs/sha256/${name}`
    return !statSync(path).isFile() || sha256(readFileSync(path)) !== name
  })

/** A store with an image whose blobs are all sealed, so that nothing hashes them again unasked. */
const stored = Effect.gen(function* () {
  const directory = yield* folder
  const one = yield* sample
  const scoped = Effect.scoped(
    Effect.flatMap(registryIn(directory), (registry) =>
      registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
    )
  )
  const { digest, layers } = yield* scoped
  const path = (digest: string) => `${directory}/blobs/sha256/${hexOf(digest)}`
  yield* untilEffect(() =>
    blobs(directory).every((name) => statSync(path(`sha256:${name}`)).mtimeMs === sealTime * 1000)
  )
  const parts = {
    manifest: digest,
    config: one.id,
    layer: layers[0]?.digest ?? "",
    "small layer": layers[1]?.digest ?? ""
  }
  const options = { ...naming(one.id), digest }
  return { directory, one, digest, path, parts, options }
})

/** Runs an effect with a registry, and returns its result and the warnings. */
const observed = <A, E>(directory: string, use: (registry: LocalRegistry["Service"]) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const events = yield* Events
    const stream = yield* events.subscribe
    const reading = yield* Effect.forkChild(
      Stream.runCollect(Stream.takeUntil(stream, ({ _tag }) => _tag === "RunSucceeded"))
    )
    const result = yield* Effect.provide(Effect.flatMap(LocalRegistry, use), LocalRegistry.layer({ directory }))
    yield* events.publish({ _tag: "RunSucceeded", millis: 0 })
    const notes = (yield* Fiber.join(reading)).flatMap((event) => (event._tag === "StepNoted" ? [event.text] : []))
    return { result, notes }
  }).pipe(Effect.provide(Fixtures.surroundings), Effect.scoped)

describe("repairing an image", () => {
  for (const [damage, apply] of damages) {
    for (const part of ["manifest", "config", "layer", "small layer"] as const) {
      it.live(`imports it again if its ${part} ${damage}, and names the blob`, () =>
        Effect.gen(function* () {
          const { directory, one, options, parts, path } = yield* stored
          apply(path(parts[part]))
          const { notes, result } = yield* observed(directory, (registry) =>
            registry.repair({ ...options, archive: archive(docker20(one)) })
          )
          expect(result).toEqual([parts[part]])
          expect(brokenBlobs(directory)).toEqual([])
          const problem = damage === "is missing" ? "missing" : "corrupted"
          expect(notes).toEqual([
            `${hexOf(parts[part]).slice(0, 12)}… in ${directory} is ${problem}; importing it again`
          ])
        })
      )
    }
  }

  it.live("repairs everything if the manifest and what it refers to are damaged", () =>
    Effect.gen(function* () {
      const { directory, one, options, parts, path } = yield* stored
      for (const part of Object.values(parts)) flipBit(path(part))
      const registry = yield* registryIn(directory)
      const repaired = yield* registry.repair({ ...options, archive: archive(docker20(one)) })
      expect([...repaired].sort()).toEqual(Object.values(parts).sort())
      expect(brokenBlobs(directory)).toEqual([])
      expect(Option.isSome(yield* registry.find(naming(one.id)))).toBe(true)
    })
  )

  for (const [engine, files] of [
    ["docker 25", docker25],
    ["podman", podman]
  ] as const) {
    it.live(`reads the archive of ${engine}`, () =>
      Effect.gen(function* () {
        const { directory, one, options, parts, path } = yield* stored
        flipBit(path(parts.layer))
        const registry = yield* registryIn(directory)
        expect(yield* registry.repair({ ...options, archive: archive(files(one)) })).toEqual([parts.layer])
        expect(brokenBlobs(directory)).toEqual([])
      })
    )
  }

  it.live("imports nothing if nothing is damaged", () =>
    Effect.gen(function* () {
      const { directory, options } = yield* stored
      const registry = yield* registryIn(directory)
      expect(yield* registry.repair({ ...options, archive: Stream.fail("not needed") })).toEqual([])
    })
  )

  it.live("imports once for several servers that find the damage at the same time", () =>
    Effect.gen(function* () {
      const { directory, one, options, parts, path } = yield* stored
      flipBit(path(parts.layer))
      const registry = yield* registryIn(directory)
      let imports = 0
      const counted = Stream.unwrap(
        Effect.sync(() => {
          imports += 1
          return archive(docker20(one))
        })
      )
      const repair = registry.repair({ ...options, archive: counted })
      const repaired = yield* Effect.all([repair, repair, repair], { concurrency: "unbounded" })
      expect(repaired).toEqual([[parts.layer], [parts.layer], [parts.layer]])
      expect(imports).toBe(1)
    })
  )

  it.live("reports a blob that another image's repair has replaced", () =>
    Effect.gen(function* () {
      const { directory, one, options, parts, path } = yield* stored
      const [shared = new Uint8Array()] = one.layers
      const other = image([shared, yield* layer(300)])
      const registry = yield* registryIn(directory)
      const naming = { imageId: other.id, repository: "shop-api", tag: "v1" }
      const { digest } = yield* registry.add({ ...naming, archive: archive(docker20(other)) })
      flipBit(path(parts.layer))
      yield* registry.repair({ ...options, archive: archive(docker20(one)) })
      const again = registry.repair({ ...naming, digest, archive: Stream.fail("not needed") })
      expect(yield* again).toEqual([parts.layer])
    })
  )

  it.live("fails with the blob's name if the engine no longer has the image, and removes the damaged blob", () =>
    Effect.gen(function* () {
      const { directory, options, parts, path } = yield* stored
      flipBit(path(parts.layer))
      const registry = yield* registryIn(directory)
      const gone = Stream.fail(new Error("No such image: shop-web:v1."))
      const error = yield* Effect.flip(registry.repair({ ...options, archive: gone }))
      expect(error).toMatchObject({ _tag: "ImageCorrupted", directory, blob: parts.layer, exitCode: 1 })
      expect(error.message).toBe(
        `The local registry in ${directory} has a damaged copy of shop-web:v1: blob ${parts.layer} was corrupted or missing. ` +
          "jiji cannot import the image again: No such image: shop-web:v1."
      )
      expect(existsSync(path(parts.layer))).toBe(false)
    })
  )

  it.live("fails if the archive no longer contains what is damaged", () =>
    Effect.gen(function* () {
      const { directory, options, parts, path } = yield* stored
      flipBit(path(parts.layer))
      const registry = yield* registryIn(directory)
      const other = yield* sample
      const error = yield* Effect.flip(registry.repair({ ...options, archive: archive(docker20(other)) }))
      expect(error).toMatchObject({ _tag: "ImageCorrupted", directory, blob: parts.layer })
      expect(error.message).toContain("it contains only sha256:")
    })
  )
})

describe("finding an image", () => {
  it.live("notices a manifest with a flipped bit, and importing the image repairs it", () =>
    Effect.gen(function* () {
      const { directory, digest, one, path } = yield* stored
      flipBit(path(digest))
      const registry = yield* registryIn(directory)
      expect(Option.isNone(yield* registry.find(naming(one.id)))).toBe(true)
      yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
      expect(brokenBlobs(directory)).toEqual([])
      expect(Option.isSome(yield* registry.find(naming(one.id)))).toBe(true)
    })
  )

  for (const part of ["manifest", "config", "layer"] as const) {
    it.live(`notices a folder in the place of its ${part}, and importing the image replaces it`, () =>
      Effect.gen(function* () {
        const { directory, one, parts, path } = yield* stored
        replaceByFolder(path(parts[part]))
        const registry = yield* registryIn(directory)
        expect(Option.isNone(yield* registry.find(naming(one.id)))).toBe(true)
        yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
        expect(brokenBlobs(directory)).toEqual([])
      })
    )
  }

  it.live("does not wait for a named pipe in the place of a blob, and importing the image replaces it", () =>
    Effect.gen(function* () {
      const { directory, digest, one, parts, path } = yield* stored
      for (const each of [digest, parts.layer]) {
        rmSync(path(each))
        Bun.spawnSync(["mkfifo", path(each)])
      }
      const registry = yield* registryIn(directory)
      expect(Option.isNone(yield* registry.find(naming(one.id)))).toBe(true)
      yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
      expect(brokenBlobs(directory)).toEqual([])
    })
  )

  it.live("survives folders in the place of its references, and importing the image replaces them", () =>
    Effect.gen(function* () {
      const { directory, one } = yield* stored
      const references = [`images/${hexOf(one.id)}`, "repositories/shop-web/_tags/v1"]
      for (const name of references) {
        rmSync(`${directory}/${name}`)
        mkdirSync(`${directory}/${name}/below`, { recursive: true })
      }
      const registry = yield* registryIn(directory)
      expect(Option.isNone(yield* registry.find(naming(one.id)))).toBe(true)
      expect((yield* registry.contents).tags).toEqual([])
      const { digest } = yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
      for (const name of references) expect(readFileSync(`${directory}/${name}`, "utf8")).toBe(digest)
    })
  )
})

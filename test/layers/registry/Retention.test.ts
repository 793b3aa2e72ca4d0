import { describe, expect } from "bun:test"
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { Effect, Exit, Fiber, Option, Scope } from "effect"
import * as Leases from "../../../src/layers/registry/Leases.ts"
import * as Platform from "../../../src/layers/Platform.ts"
import { it } from "../../support/effect.ts"
import { advanceUntilDone, untilEffect } from "../../support/waiting.ts"
import { archive, docker20, folder, hexOf, type Image, image, layer, layerId, registryIn, sha256 } from "./fixtures.ts"

/** A run that takes images in, one tag each, and ends as it is told. */
const run = (
  directory: string,
  images: ReadonlyArray<readonly [tag: string, image: Image]>,
  end: Exit.Exit<void, string> = Exit.void
) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const registry = yield* Effect.provideService(registryIn(directory), Scope.Scope, scope)
    const stored = yield* Effect.forEach(images, ([tag, { id }], index) =>
      registry.add({
        imageId: id,
        repository: "shop-web",
        tag,
        retain: 2,
        archive: archive(docker20(images[index]?.[1] ?? image([])))
      })
    )
    yield* Scope.close(scope, end)
    return stored
  })

const names = (path: string) => (existsSync(path) ? readdirSync(path).sort() : [])
const blobs = (directory: string) => names(`${directory}/blobs/sha256`)
const tags = (directory: string, repository = "shop-web") => names(`${directory}/repositories/${repository}/_tags`)

const three = Effect.gen(function* () {
  const base = yield* layer(5000)
  const images = yield* Effect.forEach(["v1", "v2", "v3"], (tag) =>
    Effect.map(layer(3000), (own) => [tag, image([base, own])] as const)
  )
  return { base, images }
})

describe("a successful run", () => {
  it.live("keeps the newest versions, and removes what only older ones needed", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { base, images } = yield* three
      const stored = yield* Effect.forEach(images, (one) => Effect.map(run(directory, [one]), ([stored]) => stored))
      expect(tags(directory)).toEqual(["v2", "v3"])
      const kept = images.slice(1).flatMap(([, one]) => [hexOf(one.id), sha256(one.layers[1] ?? new Uint8Array())])
      const manifests = stored.slice(1).map((one) => hexOf(one?.digest ?? ""))
      expect(blobs(directory)).toEqual([sha256(base), ...kept, ...manifests].sort())
      expect(names(`${directory}/images`)).toEqual(
        images
          .slice(1)
          .map(([, { id }]) => hexOf(id))
          .sort()
      )
      expect(names(`${directory}/layers`)).toEqual(
        [base, ...images.slice(1).map(([, { layers }]) => layers[1] ?? base)].map(layerId).sort()
      )
      const registry = yield* registryIn(directory)
      expect((yield* registry.contents).tags.map(({ tag }) => tag)).toEqual(["v3", "v2"])
    })
  )

  it.live("counts a version that was deployed again as new", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { images } = yield* three
      const [one, two, three_] = images
      if (one === undefined || two === undefined || three_ === undefined) return
      for (const each of [one, two, one, three_]) yield* run(directory, [each])
      expect(tags(directory)).toEqual(["v1", "v3"])
    })
  )

  it.live("removes nothing from other repositories", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { images } = yield* three
      const scope = yield* Scope.make()
      const registry = yield* Effect.provideService(registryIn(directory), Scope.Scope, scope)
      const other = image([yield* layer(700)])
      const naming = (tag: string) => ({ imageId: other.id, repository: "other-web", tag })
      yield* registry.add({ ...naming("a"), archive: archive(docker20(other)) })
      yield* Effect.forEach(["b", "c", "d"], (tag) => registry.find(naming(tag)))
      yield* Scope.close(scope, Exit.void)
      for (const each of images) yield* run(directory, [each])
      expect(tags(directory, "other-web")).toEqual(["a", "b", "c", "d"])
      const again = yield* registryIn(directory)
      expect(Option.isSome(yield* again.find(naming("a")))).toBe(true)
    })
  )
})

describe("removes nothing", () => {
  it.live("after a failed run", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      for (const each of (yield* three).images) yield* run(directory, [each], Exit.fail("a server is down"))
      expect(tags(directory)).toEqual(["v1", "v2", "v3"])
    })
  )

  it.live("while another process uses the store; the next run does it", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { images } = yield* three
      mkdirSync(`${directory}/leases`, { recursive: true })
      // The process that runs the tests, under another name than its own registries have.
      const other = `${hostname()}.${process.pid}.0a1b2c3d`
      writeFileSync(`${directory}/leases/${other}`, "")
      for (const each of images) yield* run(directory, [each])
      expect(tags(directory)).toEqual(["v1", "v2", "v3"])
      yield* Effect.promise(() => Bun.file(`${directory}/leases/${other}`).delete())
      yield* run(directory, images.slice(2))
      expect(tags(directory)).toEqual(["v2", "v3"])
    })
  )
})

describe("processes that share a store", () => {
  it.live("ignore the leases of a killed process", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const ended = Bun.spawnSync(["true"]).pid
      for (const name of ["leases", "sweeps"]) {
        mkdirSync(`${directory}/${name}`, { recursive: true })
        writeFileSync(`${directory}/${name}/${hostname()}.${ended}.0a1b2c3d`, "")
      }
      for (const each of (yield* three).images) yield* run(directory, [each])
      expect(tags(directory)).toEqual(["v2", "v3"])
      expect([...names(`${directory}/leases`), ...names(`${directory}/sweeps`)]).toEqual([])
    })
  )

  it.live("ignore a process that reuses the id of a killed one", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      for (const name of ["leases", "sweeps"]) {
        mkdirSync(`${directory}/${name}`, { recursive: true })
        // As many ticks after the machine's start as this process cannot have.
        writeFileSync(`${directory}/${name}/${hostname()}.${process.pid}.1-0a1b2c3d`, "")
      }
      for (const each of (yield* three).images) yield* run(directory, [each])
      expect(tags(directory)).toEqual(["v2", "v3"])
    })
  )

  it.effect("do not wait forever for a cleanup that never ends", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      mkdirSync(`${directory}/sweeps`, { recursive: true })
      writeFileSync(`${directory}/sweeps/another-machine.1.0a1b2c3d`, "")
      const { acquireShared } = yield* Effect.provide(Leases.make(directory), Platform.layer)
      const holding = yield* Effect.forkChild(Effect.flip(Effect.scoped(acquireShared)))
      expect((yield* advanceUntilDone(holding, "50 millis"))._tag).toBe("StoreBusy")
      expect(names(`${directory}/leases`)).toEqual([])
    })
  )

  it.live("consider another machine's cleanup finished after ten minutes", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const sweep = `${directory}/sweeps/another-machine.1.0a1b2c3d`
      mkdirSync(`${directory}/sweeps`, { recursive: true })
      writeFileSync(sweep, "")
      const before = Date.now() / 1000 - 11 * 60
      utimesSync(sweep, before, before)
      const { acquireShared } = yield* Effect.provide(Leases.make(directory), Platform.layer)
      yield* acquireShared
      expect(names(`${directory}/sweeps`)).toEqual([])
    })
  )

  it.live("wait with an import during a cleanup", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const sweep = `${directory}/sweeps/${hostname()}.${process.pid}.0a1b2c3d`
      mkdirSync(`${directory}/sweeps`, { recursive: true })
      writeFileSync(sweep, "")
      const [first] = (yield* three).images
      const taking = yield* Effect.forkChild(run(directory, first === undefined ? [] : [first]))
      yield* untilEffect(() => names(`${directory}/leases`).length === 1)
      expect(blobs(directory)).toEqual([])
      yield* Effect.promise(() => Bun.file(sweep).delete())
      yield* Fiber.join(taking)
      expect(tags(directory)).toEqual(["v1"])
    })
  )
})

describe("removing everything", () => {
  it.live("removes all images, and the registry accepts images again", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { images } = yield* three
      yield* run(directory, images.slice(0, 1))
      const registry = yield* registryIn(directory)
      yield* registry.clear
      expect(yield* registry.contents).toEqual({ tags: [], size: 0 })
      expect(names(directory)).toEqual(["leases", "sweeps"])
      yield* run(directory, images.slice(0, 1))
      expect(tags(directory)).toEqual(["v1"])
    })
  )

  it.live("is rejected while the registry is served", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const { images } = yield* three
      yield* run(directory, images.slice(0, 1))
      const [serving, other] = [yield* registryIn(directory), yield* registryIn(directory)]
      yield* serving.serve({ port: 0 })
      expect((yield* Effect.flip(other.clear))._tag).toBe("StoreBusy")
      expect(tags(directory)).toEqual(["v1"])
    })
  )

  it.live("is rejected while a deploy uses the registry", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const [[, one] = ["", image([])]] = (yield* three).images
      const registry = yield* registryIn(directory)
      yield* registry.add({ imageId: one.id, repository: "shop-web", tag: "v1", archive: archive(docker20(one)) })
      const other = yield* registryIn(directory)
      expect((yield* Effect.flip(other.clear))._tag).toBe("StoreBusy")
      expect(tags(directory)).toEqual(["v1"])
    })
  )
})

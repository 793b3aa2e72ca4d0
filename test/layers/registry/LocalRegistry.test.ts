import { describe, expect } from "bun:test"
import { readdirSync, statSync, utimesSync, writeFileSync, existsSync, mkdirSync } from "node:fs"
import { hostname } from "node:os"
import { gzipSync } from "node:zlib"
import { Effect, Exit, Fiber, Option, Stream } from "effect"
import { LocalRegistry } from "../../../src/layers/registry/LocalRegistry.ts"
import { Events } from "../../../src/core/Events.ts"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as Fixtures from "./fixtures.ts"

const { archive, docker20, docker25, folder, hexOf, image, layer, ociLayout, podman, registryIn, sha256 } = Fixtures

const naming = (imageId: string) => ({ imageId, repository: "shop-web", tag: "v1" })
const blobs = (directory: string) => readdirSync(`${directory}/blobs/sha256`).sort()
const blobPath = (directory: string, bytes: Uint8Array) => `${directory}/blobs/sha256/${sha256(bytes)}`

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

/** An image of three layers, one of them larger than the pieces in which files are written. */
const sample = Effect.map(Effect.all([layer(3_000_000), layer(700), layer(20_000)]), image)

describe("adding an image", () => {
  const forms = [
    ["docker before version 25", docker20],
    ["docker from version 25 on", docker25],
    ["podman", podman],
    ["an OCI layout", (of: Fixtures.Image) => ociLayout(of, (layer) => layer)]
  ] as const
  for (const [name, form] of forms) {
    it.live(`keeps every layer and the config unchanged, from ${name}`, () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const registry = yield* registryIn(directory)
        const one = yield* sample
        const stored = yield* registry.add({ ...naming(one.id), archive: archive(form(one)) })
        expect(stored.imageId).toBe(one.id)
        expect(stored.layers.map((layer) => layer.digest)).toEqual(one.layers.map((layer) => `sha256:${sha256(layer)}`))
        expect(stored.size).toBe(one.config.length + one.layers.reduce((sum, layer) => sum + layer.length, 0))
        expect(stored.added).toBe(stored.size)
        expect(blobs(directory)).toEqual(
          [stored.digest, stored.imageId, ...stored.layers.map((l) => l.digest)].map(hexOf).sort()
        )
        for (const hex of blobs(directory)) {
          expect(sha256(yield* Effect.promise(() => Bun.file(`${directory}/blobs/sha256/${hex}`).bytes()))).toBe(hex)
        }
        expect(readdirSync(`${directory}/tmp`)).toEqual([])
      })
    )

    it.live(`writes only the new layer of the next version, from ${name}`, () =>
      Effect.gen(function* () {
        const registry = yield* registryIn(yield* folder)
        const first = yield* sample
        const next = image([...first.layers.slice(0, 2), yield* layer(5000)])
        yield* registry.add({ ...naming(first.id), archive: archive(form(first)) })
        const stored = yield* registry.add({ ...naming(next.id), archive: archive(form(next)) })
        expect(stored.added).toBe(next.config.length + (next.layers[2]?.length ?? 0))
      })
    )
  }

  it.live("gives an image the same digest whichever tool wrote the archive", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const one = yield* sample
      const digests = yield* Effect.forEach(forms, ([, form]) =>
        Effect.map(registry.add({ ...naming(one.id), archive: archive(form(one)) }), (stored) => stored.digest)
      )
      expect(new Set(digests).size).toBe(1)
    })
  )

  it.live("writes a layer that occurs twice in an image once", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const twice = yield* layer(5000)
      const one = image([twice, twice])
      const files = docker20(one).filter(({ name }, at, all) => all.findIndex((other) => other.name === name) === at)
      const stored = yield* registry.add({ ...naming(one.id), archive: archive(files) })
      expect(stored.layers.length).toBe(2)
      expect(stored.size).toBe(twice.length + one.config.length)
    })
  )

  it.live("follows the links that docker writes for repeated layers", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const twice = yield* layer(5000)
      const one = image([twice, twice])
      const id = Fixtures.layerId(twice)
      const other = sha256(Buffer.from("other"))
      const config = `${hexOf(one.id)}.json`
      const stored = yield* registry.add({
        ...naming(one.id),
        archive: archive([
          { name: `${other}/layer.tar`, link: `../${id}/layer.tar` },
          Fixtures.file(`${id}/layer.tar`, twice),
          Fixtures.file(config, one.config),
          Fixtures.file(
            "manifest.json",
            JSON.stringify([{ Config: config, Layers: [`${id}/layer.tar`, `${other}/layer.tar`] }])
          )
        ])
      })
      expect(stored.layers.map((layer) => layer.digest)).toEqual([`sha256:${sha256(twice)}`, `sha256:${sha256(twice)}`])
    })
  )

  it.live("accepts an image without layers, as podman builds them", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const one = image([])
      const config = `${hexOf(one.id)}.json`
      const index = Fixtures.file("manifest.json", JSON.stringify([{ Config: config, RepoTags: [], Layers: null }]))
      const stored = yield* registry.add({
        ...naming(one.id),
        archive: archive([Fixtures.file(config, one.config), index])
      })
      expect(stored.layers).toEqual([])
      expect(Option.isSome(yield* registry.find(naming(one.id)))).toBe(true)
    })
  )

  it.live("picks the requested image out of several", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const [one, two] = yield* Effect.all([sample, sample])
      const entry = (of: Fixtures.Image) => ({
        Config: `${hexOf(of.id)}.json`,
        Layers: of.layers.map((layer) => `${Fixtures.layerId(layer)}/layer.tar`)
      })
      const files = [...docker20(one), ...docker20(two)].filter((file) => file.name !== "manifest.json")
      const index = Fixtures.file("manifest.json", JSON.stringify([entry(one), entry(two)]))
      const stored = yield* registry.add({ ...naming(two.id), archive: archive([...files, index]) })
      expect(stored.imageId).toBe(two.id)
    })
  )

  it.live("recognizes an image by the digest of its OCI manifest, its id in docker's containerd store", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const one = yield* sample
      const id = `sha256:${sha256(Buffer.from(Fixtures.ociManifest(one, (layer) => layer)))}`
      const stored = yield* registry.add({ ...naming(id), archive: archive(docker25(one)) })
      expect(stored.imageId).toBe(one.id)
      expect(Option.getOrThrow(yield* registry.find(naming(id))).digest).toBe(stored.digest)
    })
  )

  it.live("keeps compressed layers compressed, and says so in the manifest", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const registry = yield* registryIn(directory)
      const one = yield* sample
      const types = Effect.fnUntraced(function* (pack: (layer: Uint8Array) => Uint8Array) {
        const stored = yield* registry.add({ ...naming(one.id), archive: archive(ociLayout(one, pack)) })
        expect(stored.layers.map((layer) => layer.digest)).toEqual(
          one.layers.map((layer) => `sha256:${sha256(pack(layer))}`)
        )
        const path = `${directory}/blobs/sha256/${hexOf(stored.digest)}`
        const manifest = yield* Effect.promise(() => Bun.file(path).json())
        return [manifest.mediaType, manifest.layers[0].mediaType]
      })
      expect(yield* types((layer) => gzipSync(layer))).toEqual([
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip"
      ])
      expect(yield* types((layer) => Bun.zstdCompressSync(layer))).toEqual([
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.layer.v1.tar+zstd"
      ])
    })
  )

  it.live("makes the store readable by its user only", () =>
    Effect.gen(function* () {
      const directory = `${yield* folder}/deep/registry`
      const registry = yield* registryIn(directory)
      const one = yield* sample
      yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
      for (const name of ["", ...readdirSync(directory, { recursive: true, encoding: "utf8" })]) {
        const info = statSync(`${directory}/${name}`)
        expect([name, info.mode & 0o777]).toEqual([name, info.isDirectory() ? 0o700 : 0o600])
      }
    })
  )

  it.live("fails with the error of the archive's stream, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const registry = yield* registryIn(directory)
      const one = yield* sample
      const bytes = yield* Fixtures.tar(docker20(one))
      const broken = Stream.concat(
        Fixtures.stream(bytes.subarray(0, 2_000_000)),
        Stream.fail("the engine is gone" as const)
      )
      expect(yield* Effect.flip(registry.add({ ...naming(one.id), archive: broken }))).toBe("the engine is gone")
      expect([...readdirSync(`${directory}/tmp`), ...blobs(directory)]).toEqual([])
    })
  )

  it.live("leaves nothing behind when it is interrupted", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const registry = yield* registryIn(directory)
      const one = yield* sample
      const bytes = yield* Fixtures.tar(docker20(one))
      const half = Stream.concat(Fixtures.stream(bytes.subarray(0, 2_000_000)), Stream.never)
      const fiber = yield* Effect.forkChild(registry.add({ ...naming(one.id), archive: half }))
      yield* untilEffect(() => existsSync(`${directory}/tmp`) && readdirSync(`${directory}/tmp`).length > 0)
      yield* Fiber.interrupt(fiber)
      expect([...readdirSync(`${directory}/tmp`), ...blobs(directory)]).toEqual([])
    })
  )

  it.live("removes leftovers of killed processes, but nothing that may be in use", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      mkdirSync(`${directory}/tmp`, { recursive: true })
      const ended = Bun.spawnSync(["true"]).pid
      const random = crypto.randomUUID()
      const mine = `${hostname()}.${process.pid}.${random}`
      const elsewhere = `another-machine.${ended}.${random}`
      const abandoned = `yet-another-machine.1.${random}`
      for (const name of [`${hostname()}.${ended}.${random}`, mine, elsewhere, abandoned]) {
        writeFileSync(`${directory}/tmp/${name}`, "half a layer")
      }
      utimesSync(`${directory}/tmp/${abandoned}`, 0, 0)
      const registry = yield* registryIn(directory)
      const one = yield* sample
      yield* registry.add({ ...naming(one.id), archive: archive(docker20(one)) })
      expect(readdirSync(`${directory}/tmp`).sort()).toEqual([mine, elsewhere].sort())
    })
  )

  it.live("names the folder it cannot write to", () =>
    Effect.gen(function* () {
      const directory = `${yield* folder}/file`
      writeFileSync(directory, "")
      const registry = yield* registryIn(directory)
      const one = yield* sample
      const error = yield* Effect.flip(registry.add({ ...naming(one.id), archive: archive(docker20(one)) }))
      expect(error._tag).toBe("StoreFailed")
      expect(error.message).toContain(directory)
    })
  )

  it.live("rejects names that lead out of the store", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const one = yield* sample
      for (const names of [{ repository: "../x" }, { repository: "_tags" }, { tag: "../x" }, { tag: "" }]) {
        expect(Exit.isFailure(yield* Effect.exit(registry.find({ ...naming(one.id), ...names })))).toBe(true)
      }
    })
  )
})

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

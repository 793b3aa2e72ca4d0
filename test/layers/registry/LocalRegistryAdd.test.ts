import { describe, expect } from "bun:test"
import { readdirSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { Effect, Option } from "effect"
import { it } from "../../support/effect.ts"
import * as Fixtures from "./fixtures.ts"
import { naming, blobs, sample } from "./stored.ts"

const { archive, docker20, docker25, folder, hexOf, image, layer, ociLayout, podman, registryIn, sha256 } = Fixtures

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
})

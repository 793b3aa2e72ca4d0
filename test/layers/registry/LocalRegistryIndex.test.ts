import { describe, expect } from "bun:test"
import { readdirSync, rmSync, writeFileSync } from "node:fs"
import { Effect, Exit, Option, Scope } from "effect"
import { it } from "../../support/effect.ts"
import { archive, docker20, folder, hexOf, type Image, image, layer, registryIn, sha256, stream } from "./fixtures.ts"
import { ociLayout, tar } from "./fixtures.ts"
import { blobs } from "./stored.ts"

const platforms = ["linux/amd64", "linux/arm/v7"] as const
const naming = { repository: "shop-web", tag: "v1", alias: "shop/web" }

/** Two images that share a layer. */
const pair = Effect.gen(function* () {
  const base = yield* layer(5000)
  return [image([base, yield* layer(700)]), image([base, yield* layer(900)])] as const
})

/** Adds an image for each platform, and their index. */
const add = (directory: string, images: readonly [Image, Image], options: { tag?: string; retain?: number } = {}) =>
  Effect.gen(function* () {
    const registry = yield* registryIn(directory)
    const target = { ...naming, ...options }
    const stored = yield* Effect.forEach(platforms, (platform, at) => {
      const one = images[at] ?? images[0]
      return registry.add({ ...target, platform, imageId: one.id, archive: archive(docker20(one)) })
    })
    const parts = stored.map(({ digest }, at) => ({ platform: platforms[at] ?? "", digest }))
    const index = yield* registry.addIndex({ ...target, images: parts })
    return { registry, stored, parts, index }
  })

const Accept = "application/vnd.docker.distribution.manifest.list.v2+json"

describe("an index", () => {
  it.live("is served by its tag and digest with the manifest of each platform, and is listed once", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const images = yield* pair
      const { index, parts, registry, stored } = yield* add(directory, images)
      const only = new Set([index.digest, ...stored.map(({ digest }) => digest)])
      const { port } = yield* registry.serve({ port: 0, only })
      const get = (path: string) =>
        Effect.promise(() => fetch(`http://127.0.0.1:${port}/v2/${path}`, { headers: { Accept } }))
      for (const path of ["shop-web/manifests/v1", `shop-web/manifests/${index.digest}`, "shop/web/manifests/latest"]) {
        const response = yield* get(path)
        expect(response.headers.get("Content-Type")).toBe(Accept)
        expect(response.headers.get("Docker-Content-Digest")).toBe(index.digest)
        const text = yield* Effect.promise(() => response.text())
        expect(`sha256:${sha256(Buffer.from(text))}`).toBe(index.digest)
        expect(JSON.parse(text).manifests).toMatchObject([
          { digest: parts[0]?.digest, platform: { os: "linux", architecture: "amd64" } },
          { digest: parts[1]?.digest, platform: { os: "linux", architecture: "arm", variant: "v7" } }
        ])
      }
      for (const { digest, layers } of stored) {
        const response = yield* get(`shop-web/manifests/${digest}`)
        const bytes = yield* Effect.promise(() => response.bytes())
        expect(`sha256:${sha256(bytes)}`).toBe(digest)
        for (const { digest } of layers) expect((yield* get(`shop-web/blobs/${digest}`)).status).toBe(200)
      }
      const tags = yield* Effect.promise(async () =>
        (await fetch(`http://127.0.0.1:${port}/v2/shop-web/tags/list`)).json()
      )
      expect(tags).toEqual({ name: "shop-web", tags: ["v1"] })
      const { size, tags: listed } = yield* registry.contents
      expect(listed).toEqual([{ repository: "shop-web", tag: "v1", digest: index.digest, size: index.size }])
      // The shared layer counts once; the store also has the two manifests and the index.
      expect(index.size).toBeLessThan(size)
      expect(index.size).toBe(
        [...new Map(stored.flatMap(({ layers }) => layers.map((each) => [each.digest, each.size]))).values()].reduce(
          (a, b) => a + b,
          images.reduce((sum, { config }) => sum + Buffer.byteLength(config), 0)
        )
      )
    })
  )

  it.live("has the same digest each time, and finds its images by their ids", () =>
    Effect.gen(function* () {
      const images = yield* pair
      const one = yield* add(yield* folder, images)
      const directory = yield* folder
      const two = yield* add(directory, images)
      expect(two.index.digest).toBe(one.index.digest)
      const found = yield* two.registry.find({ ...naming, platform: "linux/amd64", imageId: images[0].id })
      expect(Option.getOrThrow(found).digest).toBe(two.parts[0]?.digest ?? "")
      expect(readdirSync(`${directory}/repositories/shop-web/_tags`)).toEqual(["v1"])
    })
  )

  it.live("is OCI's if an image has an OCI manifest", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const [one] = yield* pair
      const bytes = yield* tar(ociLayout(one, (layer) => Bun.zstdCompressSync(layer)))
      const { digest } = yield* registry.add({
        ...naming,
        platform: "linux/amd64",
        imageId: one.id,
        archive: stream(bytes)
      })
      yield* registry.addIndex({ ...naming, images: [{ platform: "linux/amd64", digest }] })
      const { port } = yield* registry.serve({ port: 0 })
      const response = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/v2/shop-web/manifests/v1`))
      expect(response.headers.get("Content-Type")).toBe("application/vnd.oci.image.index.v1+json")
    })
  )

  it.live("keeps its images as long as its tag is kept, and lets them go with it", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const pairs = [yield* pair, yield* pair, yield* pair] as const
      const runs = []
      for (const [at, images] of pairs.entries()) {
        const scope = yield* Scope.make()
        const added = add(directory, images, { tag: `v${at + 1}`, retain: 2 })
        runs.push(yield* Effect.provideService(added, Scope.Scope, scope))
        yield* Scope.close(scope, Exit.void)
      }
      const kept = runs
        .slice(1)
        .flatMap(({ index, stored }, at) => [
          index.digest,
          ...stored.map(({ digest }) => digest),
          ...stored.flatMap(({ layers }) => layers.map(({ digest }) => digest)),
          ...(pairs[at + 1] ?? []).map(({ id }) => id)
        ])
      expect(blobs(directory)).toEqual([...new Set(kept)].map(hexOf).sort())
    })
  )

  for (const [what, damage] of [
    ["is missing", (path: string) => rmSync(path)],
    ["is damaged", (path: string) => writeFileSync(path, "{}")]
  ] as const) {
    it.live(`is written again if it ${what}, and says so`, () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const { index, parts, registry } = yield* add(directory, yield* pair)
        expect((yield* registry.addIndex({ ...naming, images: parts })).wasReplaced).toBe(false)
        damage(`${directory}/blobs/sha256/${hexOf(index.digest)}`)
        expect(yield* registry.addIndex({ ...naming, images: parts })).toEqual({ ...index, wasReplaced: true })
        expect((yield* registry.contents).tags).toHaveLength(1)
      })
    )
  }

  it.live("has images that can be repaired", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const images = yield* pair
      const { parts, registry, stored } = yield* add(directory, images)
      const damaged = stored[1]?.layers[1]?.digest ?? ""
      writeFileSync(`${directory}/blobs/sha256/${hexOf(damaged)}`, "broken")
      const [, second] = images
      const target = { ...naming, platform: platforms[1], imageId: second.id, digest: parts[1]?.digest ?? "" }
      expect(yield* registry.repair({ ...target, archive: archive(docker20(second)) })).toEqual([damaged])
      expect(readdirSync(`${directory}/repositories/shop-web/_tags`)).toEqual(["v1"])
    })
  )
})

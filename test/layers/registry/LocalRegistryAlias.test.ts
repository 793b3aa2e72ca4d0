import { describe, expect } from "bun:test"
import { rmSync } from "node:fs"
import { Effect, Exit, Scope } from "effect"
import { it } from "../../support/effect.ts"
import * as Fixtures from "./fixtures.ts"
import { bodyOf, codeOf } from "./served.ts"

const { archive, docker20, folder, image, layer, registryIn, sha256 } = Fixtures

interface Version {
  readonly alias: string
  readonly tag: string
  readonly image: Fixtures.Image
  readonly repository?: string
}

const newImage = Effect.map(layer(500), (only) => image([only]))

/** Pushes versions in order, in one run, and returns their digests. */
const push = Effect.fnUntraced(function* (directory: string, versions: ReadonlyArray<Version>, retain = 9) {
  const scope = yield* Scope.make()
  const registry = yield* Scope.provide(registryIn(directory), scope)
  const digests = yield* Effect.forEach(versions, ({ alias, image: { id }, tag, ...version }, index) =>
    Effect.map(
      registry.add({
        imageId: id,
        repository: version.repository ?? alias.replace("/", "-"),
        alias,
        tag,
        retain,
        archive: archive(docker20(versions[index]?.image ?? image([])))
      }),
      ({ digest }) => digest
    )
  )
  yield* Scope.close(scope, Exit.void)
  return digests
})

/** Serves a store, with all images or only those with these digests. */
const serve = Effect.fnUntraced(function* (directory: string, only?: ReadonlyArray<string>) {
  const registry = yield* registryIn(directory)
  const { port } = yield* registry.serve({ port: 0, ...(only !== undefined && { only: new Set(only) }) })
  const get = (path: string, init: RequestInit = {}) =>
    Effect.promise(() => fetch(`http://127.0.0.1:${port}/v2/${path}`, init))
  /** The digest of a tag's manifest, or the status. */
  const digestOf = (name: string, tag: string) =>
    Effect.map(get(`${name}/manifests/${tag}`), ({ headers, status }) =>
      status === 200 ? headers.get("docker-content-digest") : status
    )
  const tagsOf = (name: string) =>
    Effect.flatMap(get(`${name}/tags/list`), (response) =>
      response.ok ? Effect.promise(() => response.json()) : Effect.succeed(response.status)
    )
  return { get, digestOf, tagsOf }
})

describe("the local registry", () => {
  it.live("serves PROJECT-SERVICE also as PROJECT/SERVICE", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const one = yield* newImage
      const [digest = ""] = yield* push(directory, [{ alias: "my-app/web", tag: "v1", image: one }])
      const { get } = yield* serve(directory)
      for (const reference of ["v1", "latest", digest]) {
        const path = `my-app/web/manifests/${reference}`
        const [whole, head] = yield* Effect.all([get(path), get(path, { method: "HEAD" })])
        expect([reference, whole.status, head.status]).toEqual([reference, 200, 200])
        expect(head.headers.get("docker-content-digest")).toBe(digest)
        expect(head.headers.get("content-type")).toBe("application/vnd.docker.distribution.manifest.v2+json")
        expect(`sha256:${sha256(yield* bodyOf(whole))}`).toBe(digest)
      }
      for (const blob of [one.id, ...one.layers.map((each) => `sha256:${sha256(each)}`)]) {
        const path = `my-app/web/blobs/${blob}`
        const [whole, head] = yield* Effect.all([get(path), get(path, { method: "HEAD" })])
        expect([whole.status, head.status]).toEqual([200, 200])
        expect(`sha256:${sha256(yield* bodyOf(whole))}`).toBe(blob)
      }
      const tags = yield* get("my-app/web/tags/list")
      expect(yield* Effect.promise(() => tags.json())).toEqual({ name: "my-app/web", tags: ["latest", "v1"] })
      const page = yield* get("my-app/web/tags/list?n=1")
      expect(page.headers.get("link")).toBe(`</v2/my-app/web/tags/list?n=1&last=latest>; rel="next"`)
    })
  )

  it.live("serves nothing under a name that was never pushed, whatever its dashes", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const one = yield* newImage
      const [digest = ""] = yield* push(directory, [{ alias: "my-app/web", tag: "v1", image: one }])
      const { get } = yield* serve(directory)
      const paths = [
        "my/app-web/manifests/v1",
        `my/app-web/manifests/${digest}`,
        "my/app/web/manifests/v1",
        "my-app-web/manifests/latest",
        "my-app/web/manifests/v2"
      ]
      for (const path of paths) {
        const response = yield* get(path)
        expect([path, response.status, yield* codeOf(response)]).toEqual([path, 404, "MANIFEST_UNKNOWN"])
      }
      expect((yield* get(`my/app-web/blobs/${one.id}`)).status).toBe(404)
      expect((yield* get("my/app-web/tags/list")).status).toBe(404)
    })
  )

  it.live("calls the version pushed last `latest`, also if an old version is pushed again", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const [one, two] = [yield* newImage, yield* newImage]
      const web = (tag: string, image: Fixtures.Image) => ({ alias: "shop/web", tag, image })
      const [first, second] = yield* push(directory, [web("v1", one), web("v2", two)])
      const { digestOf } = yield* serve(directory)
      expect(yield* digestOf("shop/web", "latest")).toBe(second ?? "")
      const registry = yield* registryIn(directory)
      yield* registry.find({ imageId: one.id, repository: "shop-web", alias: "shop/web", tag: "v1" })
      expect(yield* digestOf("shop/web", "latest")).toBe(first ?? "")
      yield* push(directory, [web("v2", two)])
      expect(yield* digestOf("shop/web", "latest")).toBe(second ?? "")
      expect(yield* digestOf("shop/web", "v1")).toBe(first ?? "")
    })
  )

  it.live("serves a version that is itself called latest", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const versions = [
        { alias: "shop/web", tag: "latest", image: yield* newImage },
        { alias: "shop/web", tag: "v2", image: yield* newImage }
      ]
      const [first, second] = yield* push(directory, versions)
      const { digestOf } = yield* serve(directory)
      expect(yield* digestOf("shop-web", "latest")).toBe(first ?? "")
      expect(yield* digestOf("shop/web", "latest")).toBe(second ?? "")
    })
  )

  it.live("does not mix up services that share a repository", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const versions = [
        { alias: "my-app/web", tag: "v1", image: yield* newImage },
        { alias: "my/app-web", tag: "v1", image: yield* newImage }
      ]
      const [mine, other] = yield* push(directory, versions)
      const { digestOf } = yield* serve(directory)
      for (const tag of ["v1", "latest"]) {
        expect(yield* digestOf("my-app/web", tag)).toBe(mine ?? "")
        expect(yield* digestOf("my/app-web", tag)).toBe(other ?? "")
      }
    })
  )

  it.live("prefers a repository of that name to an alias", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const versions = [
        { alias: "shop/web", tag: "v1", image: yield* newImage },
        { alias: "shop/web", repository: "shop/web", tag: "v1", image: yield* newImage }
      ]
      const [, own] = yield* push(directory, versions)
      const { digestOf, tagsOf } = yield* serve(directory)
      expect(yield* digestOf("shop/web", "v1")).toBe(own ?? "")
      expect(yield* tagsOf("shop/web")).toEqual({ name: "shop/web", tags: ["v1"] })
    })
  )

  it.live("shows a server only the run's own images, under either name", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const one = yield* newImage
      const versions = [
        { alias: "shop/web", tag: "v1", image: one },
        { alias: "shop/web", tag: "v2", image: yield* newImage }
      ]
      const [first = "", second = ""] = yield* push(directory, versions)
      const current = yield* serve(directory, [second])
      expect(yield* current.digestOf("shop/web", "latest")).toBe(second)
      expect(yield* current.digestOf("shop/web", "v1")).toBe(404)
      expect(yield* current.digestOf("shop/web", first)).toBe(404)
      expect((yield* current.get(`shop/web/blobs/${one.id}`)).status).toBe(404)
      expect(yield* current.tagsOf("shop/web")).toEqual({ name: "shop/web", tags: ["latest", "v2"] })

      const older = yield* serve(directory, [first])
      expect(yield* older.digestOf("shop/web", "latest")).toBe(404)
      expect(yield* older.tagsOf("shop/web")).toEqual({ name: "shop/web", tags: ["v1"] })
      const other = yield* serve(directory, [`sha256:${"0".repeat(64)}`])
      expect(yield* other.tagsOf("shop/web")).toBe(404)
    })
  )
})

describe("removing old versions", () => {
  it.live("removes their aliases, and keeps `latest`", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const digests: Array<string> = []
      for (const tag of ["v1", "v2", "v3"]) {
        digests.push(...(yield* push(directory, [{ alias: "shop/web", tag, image: yield* newImage }], 2)))
      }
      const { digestOf, tagsOf } = yield* serve(directory)
      expect(yield* tagsOf("shop/web")).toEqual({ name: "shop/web", tags: ["latest", "v2", "v3"] })
      expect(yield* digestOf("shop/web", "v1")).toBe(404)
      expect(yield* digestOf("shop/web", digests[0] ?? "")).toBe(404)
      expect(yield* digestOf("shop/web", "latest")).toBe(digests[2] ?? "")
    })
  )

  it.live("keeps what `latest` means for every service that shares a repository", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const mine = { alias: "my-app/web", tag: "v1", image: yield* newImage }
      const [first = ""] = yield* push(directory, [mine], 1)
      for (const tag of ["v1", "v2"]) {
        yield* push(directory, [{ alias: "my/app-web", tag, image: yield* newImage }], 1)
      }
      const { digestOf, get, tagsOf } = yield* serve(directory)
      expect(yield* digestOf("my-app/web", "latest")).toBe(first)
      expect((yield* get(`my-app/web/blobs/${mine.image.id}`)).status).toBe(200)
      expect(yield* tagsOf("my/app-web")).toEqual({ name: "my/app-web", tags: ["latest", "v2"] })
    })
  )

  it.live("removes an alias whose version was removed by another program", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const version = (tag: string) => Effect.map(newImage, (image) => ({ alias: "shop/web", tag, image }))
      yield* push(directory, [yield* version("v1")])
      rmSync(`${directory}/repositories/shop-web/_tags/v1`)
      yield* push(directory, [yield* version("v2")])
      const { tagsOf } = yield* serve(directory)
      expect(yield* tagsOf("shop/web")).toEqual({ name: "shop/web", tags: ["latest", "v2"] })
    })
  )

  it.live("removes all aliases with everything else", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      yield* push(directory, [{ alias: "shop/web", tag: "v1", image: yield* newImage }])
      const scope = yield* Scope.make()
      yield* Effect.flatMap(Scope.provide(registryIn(directory), scope), (registry) => registry.clear)
      yield* Scope.close(scope, Exit.void)
      const { tagsOf } = yield* serve(directory)
      expect(yield* tagsOf("shop/web")).toBe(404)
    })
  )
})

import { describe, expect } from "bun:test"
import { Effect, Option } from "effect"
import { it } from "../../support/effect.ts"
import * as Fixtures from "./fixtures.ts"
import { served, bodyOf, codeOf } from "./served.ts"

const { archive, docker20, image, layer } = Fixtures

describe("the registry's API", () => {
  it.live("announces its API version", () =>
    Effect.gen(function* () {
      const { get } = yield* served
      for (const path of ["/v2/", "/v2"]) {
        const response = yield* get(path)
        expect(response.status).toBe(200)
        expect(response.headers.get("docker-distribution-api-version")).toBe("registry/2.0")
        expect(yield* Effect.promise(() => response.text())).toBe("{}")
      }
      expect((yield* get("/")).status).toBe(404)
    })
  )

  it.live("returns a manifest by tag and by digest, with its type", () =>
    Effect.gen(function* () {
      const { get, stored } = yield* served
      for (const reference of ["v1", stored.digest]) {
        const response = yield* get(`/v2/shop/web/manifests/${reference}`)
        expect(response.status).toBe(200)
        expect(response.headers.get("content-type")).toBe("application/vnd.docker.distribution.manifest.v2+json")
        expect(response.headers.get("docker-content-digest")).toBe(stored.digest)
        expect(`sha256:${Fixtures.sha256(yield* bodyOf(response))}`).toBe(stored.digest)
      }
    })
  )

  it.live("returns every blob, with its digest", () =>
    Effect.gen(function* () {
      const { get, one, stored } = yield* served
      for (const digest of [one.id, ...stored.layers.map((layer) => layer.digest)]) {
        const response = yield* get(`/v2/shop/web/blobs/${digest}`)
        expect(response.status).toBe(200)
        expect(response.headers.get("docker-content-digest")).toBe(digest)
        expect(response.headers.get("accept-ranges")).toBe("bytes")
        expect(`sha256:${Fixtures.sha256(yield* bodyOf(response))}`).toBe(digest)
      }
    })
  )

  it.live("answers HEAD with the headers of GET and no body", () =>
    Effect.gen(function* () {
      const { get, blob, one } = yield* served
      const missing = `/v2/shop/web/blobs/sha256:${"0".repeat(64)}`
      const paths = [
        "/v2/",
        "/v2/shop/web/manifests/v1",
        `/v2/shop/web/blobs/${one.id}`,
        blob,
        "/v2/shop/web/tags/list",
        missing
      ]
      for (const path of paths) {
        const [whole, head] = yield* Effect.all([get(path), get(path, { method: "HEAD" })])
        const length = (yield* bodyOf(whole)).length
        expect([path, head.status, head.headers.get("content-length")]).toEqual([path, whole.status, String(length)])
        for (const name of [
          "content-type",
          "docker-content-digest",
          "accept-ranges",
          "etag",
          "docker-distribution-api-version"
        ]) {
          expect([path, name, head.headers.get(name)]).toEqual([path, name, whole.headers.get(name)])
        }
        expect((yield* bodyOf(head)).length).toBe(0)
      }
    })
  )

  it.live("lists tags, in pages on request", () =>
    Effect.gen(function* () {
      const { get, registry, one } = yield* served
      yield* Effect.forEach(["v3", "v2"], (tag) => registry.find({ imageId: one.id, repository: "shop/web", tag }))
      const list = (query: string) =>
        Effect.gen(function* () {
          const response = yield* get(`/v2/shop/web/tags/list${query}`)
          return [yield* Effect.promise(() => response.json()), response.headers.get("link")]
        })
      expect(yield* list("")).toEqual([{ name: "shop/web", tags: ["v1", "v2", "v3"] }, null])
      expect(yield* list("?n=2")).toEqual([
        { name: "shop/web", tags: ["v1", "v2"] },
        `</v2/shop/web/tags/list?n=2&last=v2>; rel="next"`
      ])
      expect(yield* list("?n=2&last=v2")).toEqual([{ name: "shop/web", tags: ["v3"] }, null])
      expect(yield* list("?n=0")).toEqual([{ name: "shop/web", tags: [] }, null])
    })
  )

  it.live("rejects every write", () =>
    Effect.gen(function* () {
      const { get, blob, stored, registry, one } = yield* served
      const body = "x".repeat(200_000)
      const writes = [
        ["POST", "/v2/shop/web/blobs/uploads/"],
        ["POST", `/v2/shop/web/blobs/uploads/?digest=${stored.digest}`],
        ["PATCH", "/v2/shop/web/blobs/uploads/1"],
        ["PUT", "/v2/shop/web/manifests/v1"],
        ["PUT", "/v2/other/manifests/v1"],
        ["DELETE", `/v2/shop/web/manifests/${stored.digest}`],
        ["DELETE", blob],
        ["PUT", blob]
      ] as const
      for (const [method, path] of writes) {
        const response = yield* get(path, { method, ...(method === "DELETE" ? {} : { body }) })
        expect([method, path, response.status, yield* codeOf(response)]).toEqual([method, path, 405, "UNSUPPORTED"])
        expect(response.headers.get("allow")).toBe("GET, HEAD")
      }
      expect(Option.isSome(yield* registry.find({ imageId: one.id, repository: "shop/web", tag: "v1" }))).toBe(true)
    })
  )

  it.live("uses the error codes of the specification for what is missing", () =>
    Effect.gen(function* () {
      const { get, first } = yield* served
      const digest = `sha256:${"0".repeat(64)}`
      const cases = [
        ["/v2/shop/web/manifests/v9", 404, "MANIFEST_UNKNOWN"],
        [`/v2/shop/web/manifests/${digest}`, 404, "MANIFEST_UNKNOWN"],
        [`/v2/shop/web/manifests/${first.digest}`, 404, "MANIFEST_UNKNOWN"],
        ["/v2/nobody/manifests/v1", 404, "MANIFEST_UNKNOWN"],
        [`/v2/shop/web/blobs/${digest}`, 404, "BLOB_UNKNOWN"],
        ["/v2/shop/web/blobs/sha256:short", 400, "DIGEST_INVALID"],
        [`/v2/shop/web/blobs/sha512:${"0".repeat(128)}`, 400, "DIGEST_INVALID"],
        ["/v2/nobody/tags/list", 404, "NAME_UNKNOWN"],
        ["/v2/Shop/web/manifests/v1", 400, "NAME_INVALID"],
        ["/v2/shop/_tags/manifests/v1", 400, "NAME_INVALID"],
        ["/v2/_catalog", 404, "UNSUPPORTED"],
        ["/v2/shop/web/tags/other", 404, "UNSUPPORTED"]
      ] as const
      for (const [path, status, code] of cases) {
        const response = yield* get(path)
        expect([path, response.status, yield* codeOf(response)]).toEqual([path, status, code])
      }
    })
  )

  it.live("returns blobs and manifests only in their own repositories", () =>
    Effect.gen(function* () {
      const { get, registry, first, stored } = yield* served
      const other = image([yield* layer(100)])
      yield* registry.add({ imageId: other.id, repository: "other", tag: "v1", archive: archive(docker20(other)) })
      expect((yield* get(`/v2/other/blobs/${first.digest}`)).status).toBe(404)
      expect((yield* get(`/v2/shop/web/blobs/${other.id}`)).status).toBe(404)
      expect((yield* get(`/v2/other/manifests/${stored.digest}`)).status).toBe(404)
      expect((yield* get(`/v2/other/blobs/${other.id}`)).status).toBe(200)
    })
  )

  it.live("serves a digest after its tag has moved on", () =>
    Effect.gen(function* () {
      const { get, registry, stored, blob } = yield* served
      const next = image([yield* layer(100)])
      yield* registry.add({ imageId: next.id, repository: "shop/web", tag: "v1", archive: archive(docker20(next)) })
      expect((yield* get(`/v2/shop/web/manifests/${stored.digest}`)).status).toBe(200)
      expect((yield* get(blob)).status).toBe(200)
    })
  )
})

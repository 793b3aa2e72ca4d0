import { describe, expect } from "bun:test"
import { readdirSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Scope, Stream } from "effect"
import { LocalRegistry } from "../../../src/layers/registry/LocalRegistry.ts"
import { parseRange } from "../../../src/layers/registry/Response.ts"
import type { Event } from "../../../src/core/Event.ts"
import { Events } from "../../../src/core/Events.ts"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as Fixtures from "./fixtures.ts"

const { archive, docker20, folder, hexOf, image, layer, registryIn } = Fixtures

/** A registry with one image in it, served. */
const served = Effect.gen(function* () {
  const directory = yield* folder
  const registry = yield* registryIn(directory)
  const one = image(yield* Effect.all([layer(3_000_000), layer(700)]))
  const stored = yield* registry.add({
    imageId: one.id,
    repository: "shop/web",
    tag: "v1",
    archive: archive(docker20(one))
  })
  const counted: Array<readonly [number, string]> = []
  const { port } = yield* registry.serve({ port: 0, onServed: (bytes, digest) => counted.push([bytes, digest]) })
  const url = `http://127.0.0.1:${port}`
  const get = (path: string, init: RequestInit = {}) => Effect.promise(() => fetch(`${url}${path}`, init))
  const [bytes = new Uint8Array()] = one.layers
  const [first = { digest: "", size: 0 }] = stored.layers
  return {
    directory,
    registry,
    one,
    stored,
    counted,
    port,
    url,
    get,
    bytes,
    blob: `/v2/shop/web/blobs/${first.digest}`,
    first
  }
})

const bodyOf = (response: Response) => Effect.promise(() => response.bytes())
const codeOf = (response: Response) =>
  Effect.map(
    Effect.promise(() => response.json()),
    // The body is JSON of the specification's shape, or the comparison fails.
    (body) => (body as { errors: ReadonlyArray<{ code: string }> }).errors[0]?.code
  )

/** Sends a request as it is written here, and returns all that comes back: no client tidies the path up. */
const raw = (port: number, request: string) =>
  Effect.callback<string>((resume) => {
    let answer = ""
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(`${request}\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    )
    socket.on("data", (chunk) => void (answer += chunk.toString("latin1")))
    socket.on("close", () => resume(Effect.succeed(answer)))
    socket.on("error", () => undefined)
  })

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

  it.live("returns ranges of a blob", () =>
    Effect.gen(function* () {
      const { get, blob, bytes } = yield* served
      const size = bytes.length
      const cases = [
        ["bytes=0-0", 0, 0],
        ["bytes=5-10", 5, 10],
        ["bytes=2000000-", 2_000_000, size - 1],
        ["bytes=-7", size - 7, size - 1],
        [`bytes=-${size + 5}`, 0, size - 1],
        [`bytes=10-${size + 5}`, 10, size - 1]
      ] as const
      for (const [range, first, last] of cases) {
        const response = yield* get(blob, { headers: { range } })
        expect([range, response.status]).toEqual([range, 206])
        expect(response.headers.get("content-range")).toBe(`bytes ${first}-${last}/${size}`)
        expect(response.headers.get("content-length")).toBe(String(last - first + 1))
        expect(Buffer.compare(yield* bodyOf(response), bytes.subarray(first, last + 1))).toBe(0)
      }
    })
  )

  it.live("rejects a range that does not exist, and returns the whole blob for one it does not understand", () =>
    Effect.gen(function* () {
      const { get, blob, bytes } = yield* served
      for (const range of [`bytes=${bytes.length}-`, "bytes=-0"]) {
        const response = yield* get(blob, { headers: { range } })
        expect([range, response.status]).toEqual([range, 416])
        expect(response.headers.get("content-range")).toBe(`bytes */${bytes.length}`)
      }
      for (const range of ["bytes=a-b", "bytes=10-5", "lines=1-2", "bytes=0-1,3-4", "bytes=-"]) {
        const response = yield* get(blob, { headers: { range } })
        expect([range, response.status, (yield* bodyOf(response)).length]).toEqual([range, 200, bytes.length])
      }
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

  it.live("returns no file outside the store, however the path is written", () =>
    Effect.gen(function* () {
      const { directory, port, one } = yield* served
      writeFileSync(`${directory}/secret`, "do not show")
      const up = ["..", "%2e%2e", "%2E%2E", "..%2f..", "%2e%2e%2f%2e%2e", "....//"]
      const paths = up.flatMap((dots) => [
        `/v2/${dots}/${dots}/secret`,
        `/v2/shop/web/blobs/${dots}/${dots}/secret`,
        `/v2/shop/web/manifests/${dots}/${dots}/${dots}/secret`,
        `/v2/shop/web/${dots}/${dots}/manifests/v1`,
        `/v2/shop/web/blobs/sha256:${dots}%2f${dots}%2f${dots}%2fsecret`,
        `/v2/shop/web/blobs/${hexOf(one.id)}/${dots}`
      ])
      for (const path of [
        ...paths,
        "/v2/shop/web/manifests/%00",
        "/v2/shop/web/manifests/v1%00",
        "http://other/secret"
      ]) {
        const answer = yield* raw(port, `GET ${path} HTTP/1.1`)
        expect([path, answer.slice(9, 12)]).toEqual([path, expect.stringMatching(/40[04]/)])
        expect(answer).not.toContain("do not show")
      }
    })
  )

  it.live("answers only to this machine's own names, so that no web page can read it", () =>
    Effect.gen(function* () {
      const { port } = yield* served
      const ask = (host: string) =>
        Effect.map(
          Effect.callback<string>((resume) => {
            let answer = ""
            const socket = connect(port, "127.0.0.1", () =>
              socket.write(`GET /v2/shop/web/tags/list HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
            )
            socket.on("data", (chunk) => void (answer += chunk.toString("latin1")))
            socket.on("close", () => resume(Effect.succeed(answer)))
          }),
          (answer) => answer.split(" ")[1]
        )
      for (const host of ["localhost", `localhost:${port}`, "127.0.0.1:9270", "[::1]:9270", "LocalHost:1"]) {
        expect([host, yield* ask(host)]).toEqual([host, "200"])
      }
      for (const host of [
        "rebound.example.com",
        `localhost.example.com:${port}`,
        "127.0.0.1.example.com",
        "10.0.0.1",
        "localhost@x"
      ]) {
        expect([host, yield* ask(host)]).not.toEqual([host, "200"])
      }
    })
  )

  it.live("survives a flood of requests with little memory", () =>
    Effect.gen(function* () {
      const { blob, get, port } = yield* served
      Bun.gc(true)
      const before = process.memoryUsage.rss()
      // Connections that ask over and over and read nothing of what they are given.
      const sockets = yield* Effect.acquireRelease(
        Effect.sync(() =>
          Array.from({ length: 200 }, () => {
            const socket = connect(port, "127.0.0.1", () => {
              socket.pause()
              socket.write(`GET ${blob} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(50))
            })
            return socket.on("error", () => undefined)
          })
        ),
        (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
      )
      yield* untilEffect(() => sockets.every(({ bytesWritten }) => bytesWritten > 0))
      const answers = yield* Effect.forEach(Array.from({ length: 20 }), () => get(blob), { concurrency: 4 })
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
      yield* Effect.forEach(answers, bodyOf)
      Bun.gc(true)
      // They ask for 30 GB together.
      expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 1024 * 1024)
    })
  )

  it.live("does not return a blob that was changed in place or removed", () =>
    Effect.gen(function* () {
      const { directory, get, blob, first, bytes } = yield* served
      const path = `${directory}/blobs/sha256/${hexOf(first.digest)}`
      writeFileSync(path, new Uint8Array(bytes.length))
      expect((yield* get(blob)).status).toBe(404)
      rmSync(path)
      expect((yield* get(blob)).status).toBe(404)
    })
  )

  it.live("counts the bytes that it sends", () =>
    Effect.gen(function* () {
      const { get, blob, first, counted, stored } = yield* served
      const manifest = yield* get("/v2/shop/web/manifests/v1")
      const length = (yield* bodyOf(manifest)).length
      yield* Effect.flatMap(get(blob, { method: "HEAD" }), bodyOf)
      yield* Effect.flatMap(get(blob), bodyOf)
      yield* Effect.flatMap(get(blob, { headers: { range: "bytes=10-19" } }), bodyOf)
      expect(counted).toEqual([
        [length, stored.digest],
        [first.size, first.digest],
        [10, first.digest]
      ])
    })
  )

  it.live("serves a blob to many readers at the same time", () =>
    Effect.gen(function* () {
      const { get, blob, first } = yield* served
      const read = Effect.map(Effect.flatMap(get(blob), bodyOf), Fixtures.sha256)
      const digests = yield* Effect.all(
        Array.from({ length: 20 }, () => read),
        { concurrency: "unbounded" }
      )
      expect(new Set(digests)).toEqual(new Set([hexOf(first.digest)]))
    })
  )

  it.effect("reads ranges of an empty resource", () =>
    Effect.sync(() => {
      for (const header of ["bytes=0-", "bytes=-5", "bytes=0-0"]) expect(parseRange(header, 0)).toBe("unsatisfiable")
      expect(parseRange(null, 0)).toBeUndefined()
    })
  )
})

describe("serving", () => {
  /** Whether something listens on a port of an address. */
  const listens = (port: number, host = "127.0.0.1") =>
    Effect.callback<boolean>((resume) => {
      const socket = connect(port, host, () => {
        socket.destroy()
        resume(Effect.succeed(true))
      })
      socket.on("error", () => resume(Effect.succeed(false)))
    })

  it.live("uses the requested port, or a free one if that is in use", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const scope = yield* Scope.make()
      const { port } = yield* Scope.provide(registry.serve({ port: 0 }), scope)
      const other = yield* registry.serve({ port })
      expect(other.port).not.toBe(port)
      expect(yield* listens(other.port)).toBe(true)
      yield* Scope.close(scope, Exit.void)
      expect((yield* registry.serve({ port })).port).toBe(port)
    })
  )

  it.live("listens on 127.0.0.1 only", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const { port } = yield* registry.serve({ port: 0 })
      expect(yield* listens(port)).toBe(true)
      for (const host of ["127.0.0.2", "::1"]) expect([host, yield* listens(port, host)]).toEqual([host, false])
    })
  )

  it.live("listens on a socket too, which leaves no file behind", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const registry = yield* registryIn(directory)
      const scope = yield* Scope.make()
      const { socket: path = "" } = yield* Scope.provide(registry.serve({ port: 0 }), scope)
      const answers = Effect.callback<string>((resume) => {
        const socket = connect({ path }, () => socket.write("GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        socket.once("data", (answer) => {
          socket.destroy()
          resume(Effect.succeed(answer.toString("latin1").slice(0, 15)))
        })
        socket.once("error", (error) => resume(Effect.succeed(error.message.slice(0, 20))))
      })
      expect(yield* answers).toBe("HTTP/1.1 200 OK")
      yield* Scope.close(scope, Exit.void)
      expect(yield* answers).toContain("ECONNREFUSED")
      // The lease is the registry's, which is still there.
      expect(readdirSync(directory)).toEqual(["leases"])
    })
  )

  it.live("reports why it cannot listen", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const error = yield* Effect.flip(Effect.scoped(registry.serve({ port: 70_000 })))
      expect(error._tag).toBe("RegistryNotServed")
      expect(error.message).toContain("70000")
    })
  )

  const ends = [
    ["success", Effect.void],
    ["failure", Effect.ignore(Effect.fail("no"))],
    ["interrupt", Effect.never]
  ] as const
  for (const [name, body] of ends) {
    it.live(`stops listening and ends open downloads on ${name}`, () =>
      Effect.gen(function* () {
        const directory = yield* folder
        const registry = yield* registryIn(directory)
        const one = image([yield* layer(30_000_000)])
        const stored = yield* registry.add({
          imageId: one.id,
          repository: "web",
          tag: "v1",
          archive: archive(docker20(one))
        })
        const ready = yield* Deferred.make<{ readonly port: number; readonly socket: Socket }>()
        const closed = yield* Deferred.make<void>()
        const use = Effect.gen(function* () {
          const { port } = yield* registry.serve({ port: 0 })
          // A reader that has begun and then does not read on.
          const socket = connect(port, "127.0.0.1", () =>
            socket.write(`GET /v2/web/blobs/${stored.layers[0]?.digest} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
          )
          const begun = Effect.callback<void>((resume) => {
            socket.once("data", () => {
              socket.pause()
              resume(Effect.void)
            })
          })
          socket.on("error", () => undefined)
          socket.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
          yield* begun
          yield* Deferred.succeed(ready, { port, socket })
          yield* body
          if (name === "failure") return yield* Effect.fail("no")
        })
        const fiber = yield* Effect.forkChild(Effect.scoped(use))
        const { port, socket } = yield* Deferred.await(ready)
        if (name === "interrupt") yield* Fiber.interrupt(fiber)
        yield* Effect.exit(Fiber.join(fiber))
        expect(yield* listens(port)).toBe(false)
        let got = 0
        socket.on("data", (chunk) => void (got += chunk.length))
        // What is on its way in the kernel comes first; the end is only seen behind it.
        socket.resume()
        yield* Effect.timeout(Deferred.await(closed), "3 seconds")
        expect(got).toBeLessThan(30_000_000)
      })
    )
  }

  it.live("is a resource of the run, acquired and released", () =>
    Effect.gen(function* () {
      const directory = yield* folder
      const program = Effect.gen(function* () {
        const events = yield* (yield* Events).subscribe
        yield* Effect.scoped((yield* LocalRegistry).serve({ port: 0 }))
        return yield* Stream.runCollect(Stream.take(events, 2))
      })
      const seen: ReadonlyArray<Event> = yield* Effect.provide(
        program,
        LocalRegistry.layer({ directory }).pipe(Layer.provideMerge(Fixtures.surroundings))
      )
      expect(seen.map((event) => event._tag)).toEqual(["ResourceAcquired", "ResourceReleased"])
    })
  )

  it.live("releases its port while the layer that created it lives on", () =>
    Effect.gen(function* () {
      const registry = yield* registryIn(yield* folder)
      const { port } = yield* Effect.scoped(registry.serve({ port: 0 }))
      const taken = yield* Effect.callback<boolean>((resume) => {
        const server = createServer()
        server.once("error", () => resume(Effect.succeed(true)))
        server.listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed(false))))
      })
      expect(taken).toBe(false)
    })
  )
})

describe("a registry restricted to the images of a run", () => {
  it.live("returns no other manifest, blob or tag", () =>
    Effect.gen(function* () {
      const { blob, registry, stored } = yield* served
      const other = image([yield* layer(900)])
      const theirs = yield* registry.add({
        imageId: other.id,
        repository: "other",
        tag: "v1",
        archive: archive(docker20(other))
      })
      const { port } = yield* registry.serve({ port: 0, only: new Set([stored.digest]) })
      const status = (path: string) =>
        Effect.promise(async () => (await fetch(`http://127.0.0.1:${port}${path}`)).status)
      expect(yield* status(`/v2/shop/web/manifests/${stored.digest}`)).toBe(200)
      expect(yield* status("/v2/shop/web/manifests/v1")).toBe(200)
      expect(yield* status(blob)).toBe(200)
      expect(yield* status(`/v2/other/manifests/${theirs.digest}`)).toBe(404)
      expect(yield* status("/v2/other/manifests/v1")).toBe(404)
      expect(yield* status(`/v2/other/blobs/${theirs.layers[0]?.digest}`)).toBe(404)
      expect(yield* status("/v2/other/tags/list")).toBe(404)
    })
  )
})

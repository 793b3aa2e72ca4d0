import { describe, expect, test } from "bun:test"
import { Effect, Option } from "effect"
import * as Catalog from "../../../src/layers/registry/Catalog.ts"
import { it } from "../../support/effect.ts"

const digest = `sha256:${"a".repeat(64)}`
const manifest = {
  schemaVersion: 2,
  mediaType: "application/vnd.docker.distribution.manifest.v2+json",
  config: { mediaType: "application/json", size: 10, digest },
  layers: []
}

/** What a server answers by path; gone with the scope. */
const answering = (answer: (path: string) => Response) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() =>
        Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: ({ url }) => answer(new URL(url).pathname) })
      ),
      (server) => Effect.promise(() => server.stop(true))
    ),
    ({ port }) => `http://127.0.0.1:${port}`
  )

const registry =
  (digest: string) =>
  (path: string): Response => {
    if (path === "/v2/_catalog") return Response.json({ repositories: ["shop-web", "../x"] })
    if (path.endsWith("/tags/list")) return Response.json({ tags: ["v1", "\u001b[31mv2"] })
    return Response.json(manifest, { headers: { "Docker-Content-Digest": digest } })
  }

describe("the list of a registry's tags", () => {
  it.live("contains only valid names", () =>
    Effect.gen(function* () {
      const found = yield* Catalog.list(yield* answering(registry(digest)))
      expect(found).toEqual(Option.some([{ repository: "shop-web", tag: "v1", digest, size: expect.any(Number) }]))
    })
  )

  it.live("adds up the images of an index", () =>
    Effect.gen(function* () {
      const child = `sha256:${"b".repeat(64)}`
      const mediaType = "application/vnd.oci.image.index.v1+json"
      const url = yield* answering((path) => {
        const headers = { "Docker-Content-Digest": digest }
        if (!path.endsWith("/manifests/v1")) return registry(child)(path)
        return Response.json({ schemaVersion: 2, mediaType, manifests: [{ digest: child, size: 1 }] }, { headers })
      })
      expect(yield* Catalog.list(url)).toEqual(Option.some([{ repository: "shop-web", tag: "v1", digest, size: 10 }]))
    })
  )

  it.live("omits tags without a digest", () =>
    Effect.gen(function* () {
      expect(yield* Catalog.list(yield* answering(registry("sha256:\u005b31m")))).toEqual(Option.some([]))
    })
  )

  it.live("stops reading an endless list", () =>
    Effect.gen(function* () {
      let sent = 0
      const chunk = new Uint8Array(1024 * 1024).fill(32)
      const endless = () =>
        new Response(
          new ReadableStream({
            pull: (controller) => {
              sent += chunk.length
              controller.enqueue(chunk)
            }
          })
        )
      expect(yield* Catalog.list(yield* answering(endless))).toEqual(Option.none())
      expect(sent).toBeLessThan(64 * chunk.length)
    })
  )

  it.live("does not follow redirects", () =>
    Effect.gen(function* () {
      const other = yield* answering(registry(digest))
      const here = yield* answering((path) => Response.redirect(`${other}${path}`))
      expect(yield* Catalog.list(here)).toEqual(Option.none())
    })
  )
})

test("does not use the environment's proxy for a registry on this machine", async () => {
  using local = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("direct") })
  using proxy = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("proxied") })
  const code = `import { fetchLocal } from ${JSON.stringify(`${import.meta.dir}/../../../src/layers/registry/Loopback.ts`)}
const url = "http://127.0.0.1:${local.port}/"
console.log(await (await fetch(url)).text(), await (await fetchLocal(url, {})).text())`
  const address = `http://127.0.0.1:${proxy.port}`
  const child = Bun.spawn([process.execPath, "-e", code], {
    env: { PATH: process.env["PATH"] ?? "", http_proxy: address, HTTP_PROXY: address },
    stdout: "pipe"
  })
  // The first shows that the environment's proxy would be used.
  expect(await new Response(child.stdout).text()).toBe("proxied direct\n")
})

import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { createServer, type ServerResponse } from "node:http"
import { it } from "../../support/effect.ts"
import { client } from "./fixture.ts"
import { servers } from "./forwarding.ts"

const piece = 100_000

/**
 * A registry that sends half of each blob at once, and the other half when `finish` is called. A path such as
 * `/v2/web/blobs/3` is a blob of three pieces.
 */
const registry = Effect.gen(function* () {
  const open: Array<readonly [response: ServerResponse, rest: Buffer]> = []
  const server = createServer((request, response) => {
    const size = Number(request.url?.split("/").at(-1)) * piece
    response.writeHead(200, { "Content-Length": size })
    response.write(Buffer.alloc(size / 2))
    open.push([response, Buffer.alloc(size / 2)])
  })
  const port = yield* Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )
  return {
    port,
    open,
    finish: () => {
      for (const [response, rest] of open.splice(0)) response.end(rest)
    }
  }
})

const download = (port: number, path: string) =>
  Effect.promise(async (signal) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal })
    return (await response.bytes()).length
  })

for (const [name, make] of servers)
  describe(`a forward from ${name}`, () => {
    it.live("counts the bytes of two repositories separately while both are pulled", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const { finish, open, port: to } = yield* registry
        const { carried, carriedOf, port } = yield* ssh.forward(yield* make(), { port: 0, to })
        if (carriedOf === undefined) throw new Error("it does not count repositories")
        const counts = Effect.all([carriedOf("shop-web"), carriedOf("shop-api"), carried])
        expect(yield* counts).toEqual([0, 0, 0])

        const pulls = yield* Effect.forkChild(
          Effect.all([download(port, "/v2/shop-web/blobs/2"), download(port, "/v2/shop-api/blobs/6")], {
            concurrency: 2
          })
        )
        const isHalf = ([web, api]: ReadonlyArray<number>) => (web ?? 0) >= piece && (api ?? 0) >= 3 * piece
        const [web, api] = yield* counts.pipe(Effect.delay("1 millis"), Effect.repeat({ until: isHalf }))
        expect(open).toHaveLength(2)
        // Headers count, too.
        expect(web).toBeLessThan(1.1 * piece)
        expect(api).toBeLessThan(3.1 * piece)

        finish()
        expect(yield* Fiber.join(pulls)).toEqual([2 * piece, 6 * piece])
        const [allWeb, allApi, all] = yield* counts
        expect(allWeb).toBeGreaterThan(2 * piece)
        expect(allWeb).toBeLessThan(2.1 * piece)
        expect(allApi).toBeGreaterThan(6 * piece)
        expect(allApi).toBeLessThan(6.1 * piece)
        expect(all).toBe(allWeb + allApi)
        expect(yield* carriedOf("other")).toBe(0)
      })
    )
  })

import { describe, expect } from "bun:test"
import { Duration, Effect } from "effect"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, replacing, shells } from "./replacing.ts"

const oldAddress = "127.0.0.3"
const newAddress = "127.0.0.4"
const ofProxy = { labels: { ...old.labels, address: oldAddress } }

/** A service that answers on all addresses of this machine, as its old and new container. */
const answering = (status: number, body = "") =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const asked: Array<string> = []
      const server = Bun.serve({
        hostname: "0.0.0.0",
        port: 0,
        fetch: (request) => {
          const { pathname, search } = new URL(request.url)
          asked.push(`${request.method} ${pathname}${search} ${request.headers.get("host")}`)
          return new Response(body, { status })
        }
      })
      return { server, asked, port: server.port ?? 0 }
    }),
    ({ server }) => Effect.promise(() => server.stop(true))
  )

const closedPort = Effect.sync(() => {
  const server = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data: () => {} } })
  server.stop(true)
  return server.port
})

/** An engine with the proxy and an old container, which serves. */
const withProxy = Effect.gen(function* () {
  const engine = yield* FakeEngine.make()
  engine.add("jiji-proxy", "proxy")
  engine.add("shop-web", "old", ofProxy)
  const file = join(engine.dir, "up/shop/web-1")
  mkdirSync(join(engine.dir, "up/shop"), { recursive: true })
  const point = (to: string) => writeFileSync(file, `${to}\n`)
  return {
    ...engine,
    point,
    serving: () => readFileSync(file, "utf8"),
    upstream: (port: number, more: { readonly path?: string; readonly to?: number; readonly drain?: number } = {}) => ({
      proxy: "jiji-proxy",
      file,
      address: newAddress,
      port,
      drain: Duration.seconds(more.drain ?? 30),
      host: "shop.example.com",
      ...(more.path !== undefined && {
        check: { path: more.path, status: { from: 200, to: more.to ?? 399 }, interval: Duration.millis(100) }
      })
    })
  }
})

/** Holds a connection open, as the proxy does for a request. */
const request = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<ReturnType<typeof connect>>((resolve) => {
          const socket = connect(port, oldAddress, () => resolve(socket))
        })
    ),
    (socket) => Effect.sync(() => socket.destroy())
  )

const operations = (calls: ReadonlyArray<string>) =>
  calls.map((call) => /^exec .* jiji (\S+) /s.exec(call)?.[1] ?? call.split(" ")[0])

for (const shell of shells) {
  const { run, start } = replacing(shell)

  describe(`a service behind the proxy, with ${shell}`, () => {
    it.live("gets its requests moved after it has answered, and before the old container stops", () =>
      Effect.gen(function* () {
        const { asked, port } = yield* answering(204)
        const engine = yield* withProxy
        engine.point(`${oldAddress}:${port}`)
        const ended = yield* run(engine, { upstream: engine.upstream(port, { path: "/up?from=jiji" }) })
        expect(ended).toEqual({ code: 0, stdout: "started shop-web-next-0\n", stderr: "" })
        expect(asked).toEqual(["GET /up?from=jiji shop.example.com"])
        expect(engine.serving()).toBe(`${newAddress}:${port}\n`)
        expect(operations(engine.calls())).toEqual([
          "create",
          "start",
          "check",
          "update",
          "switch",
          "stop",
          "rm",
          "rename"
        ])
        // The time that a container without a health check must run is for those that nobody asks.
        expect(engine.get("naps")).not.toContain("2\n")
      })
    )

    it.live("is healthy when it accepts a connection, if there is no path", () =>
      Effect.gen(function* () {
        const { asked, port } = yield* answering(500)
        const engine = yield* withProxy
        expect((yield* run(engine, { upstream: engine.upstream(port) })).code).toBe(0)
        expect(asked).toEqual([])
        expect(engine.serving()).toBe(`${newAddress}:${port}\n`)
        expect(engine.get("naps")).toContain("2\n")
      })
    )

    it.live("keeps its old container when it answers with an error, which is reported", () =>
      Effect.gen(function* () {
        const { port } = yield* answering(503, "no\ndatabase\n")
        const engine = yield* withProxy
        engine.point(`${oldAddress}:${port}`)
        const ended = yield* run(engine, { limit: 0, upstream: engine.upstream(port, { path: "/up" }) })
        expect(ended.code).toBe(10)
        expect(ended.stdout).toBe(
          "unhealthy-answer answers GET /up with 503 after 0 s\nanswer 503 no database\nits last line\nand an error\n"
        )
        expect(engine.serving()).toBe(`${oldAddress}:${port}\n`)
        expect(engine.containers()).toEqual(["jiji-proxy proxy running", "shop-web old running"])
      })
    )

    it.live("keeps its old container when the status is not among the healthy ones", () =>
      Effect.gen(function* () {
        const { port } = yield* answering(301)
        const engine = yield* withProxy
        const ended = yield* run(engine, { limit: 0, upstream: engine.upstream(port, { path: "/up", to: 299 }) })
        expect(ended.stdout).toStartWith("unhealthy-answer answers GET /up with 301 after 0 s\nanswer 301")
      })
    )

    for (const path of [undefined, "/up"])
      it.live(`keeps its old container when the proxy cannot connect, ${path ?? "without a path"}`, () =>
        Effect.gen(function* () {
          const port = yield* closedPort
          const engine = yield* withProxy
          const upstream = engine.upstream(port, path === undefined ? {} : { path })
          const ended = yield* run(engine, { limit: 0, upstream })
          expect(ended.code).toBe(10)
          expect(ended.stdout).toMatch(
            new RegExp(
              `^unhealthy-answer does not answer the proxy on port ${port} after 0 s\nerror nc: .*Connection refused\n`
            )
          )
          expect(engine.containers()).toContain("shop-web old running")
        })
      )

    it.live("stops its old container only when the requests that it had are done", () =>
      Effect.gen(function* () {
        const { port } = yield* answering(200)
        const engine = yield* withProxy
        engine.point(`${oldAddress}:${port}`)
        const open = yield* request(port)
        const script = yield* start(engine, { upstream: engine.upstream(port) })
        yield* untilEffect(() => engine.serving() === `${newAddress}:${port}\n`)
        // Now it finishes, whatever happens.
        yield* script.kill()
        yield* script.kill("SIGHUP")
        expect(operations(engine.calls()).at(-1)).toBe("switch")
        expect(engine.containers()).toContain("shop-web old running")
        open.destroy()
        expect((yield* script.ended).code).toBe(0)
        expect(engine.containers()).toEqual(["jiji-proxy proxy running", "shop-web shop-web-next-0 running"])
        expect(yield* script.stages).toEqual(["next", "drain", "tidy"])
      })
    )

    it.live("does not wait longer than `drain` for them, and says how many are left", () =>
      Effect.gen(function* () {
        const { port } = yield* answering(200)
        const engine = yield* withProxy
        yield* request(port)
        yield* request(port)
        const ended = yield* run(engine, { upstream: engine.upstream(port, { drain: 0 }) })
        expect(ended).toEqual({
          code: 0,
          stdout: "started shop-web-next-0\n",
          stderr: "the old container of web still has open connections after 0 s: 2\n"
        })
      })
    )

    it.live("keeps its old container when the proxy is gone at the switch", () =>
      Effect.gen(function* () {
        const { port } = yield* answering(200)
        const engine = yield* withProxy
        engine.block("update")
        const script = yield* start(engine, { upstream: engine.upstream(port) })
        yield* engine.blocked
        rmSync(join(engine.dir, "state/containers/jiji-proxy"), { recursive: true })
        yield* engine.release
        const ended = yield* script.ended
        expect(ended.code).toBe(10)
        expect(ended.stdout).toBe("unswitched\n")
        expect(ended.stderr).toContain("No such container: jiji-proxy")
        expect(engine.containers()).toEqual(["shop-web old running"])
      })
    )

    it.live("continues with the container that gets the requests, if a deploy was killed", () =>
      Effect.gen(function* () {
        const { port } = yield* answering(200)
        for (const [serving, left] of [
          [newAddress, "next"],
          [oldAddress, "old"]
        ] as const) {
          const engine = yield* withProxy
          const same = { ...old.labels, digest: "sha256:d2", config: "c2" }
          engine.add("shop-web-next", "next", { labels: { ...same, address: newAddress } })
          engine.point(`${serving}:${port}`)
          const ended = yield* run(engine, { upstream: engine.upstream(port) })
          expect(ended.code).toBe(0)
          if (left === "next") {
            expect(ended.stdout).toBe("unchanged next\n")
            expect(engine.calls()).toContain("stop old")
            expect(engine.containers()).toContain("shop-web next running")
          } else expect(engine.calls()).toContain("rm --force next")
          expect(engine.serving()).toBe(`${newAddress}:${port}\n`)
        }
      })
    )

    it.live("gives its requests to another replica before it is removed", () =>
      Effect.gen(function* () {
        const { port } = yield* answering(200)
        const engine = yield* withProxy
        engine.point(`${oldAddress}:${port}`)
        const open = yield* request(port)
        const script = yield* start(engine, { how: "remove", upstream: engine.upstream(port) })
        yield* untilEffect(() => engine.serving() === `${newAddress}:${port}\n`)
        expect(engine.containers()).toContain("shop-web old running")
        open.destroy()
        expect(yield* script.ended).toEqual({ code: 0, stdout: "removed old\n", stderr: "" })
        expect(engine.containers()).toEqual(["jiji-proxy proxy running"])
        expect((yield* run(engine, { how: "remove" })).stdout).toBe("removed nothing\n")
      })
    )
  })
}

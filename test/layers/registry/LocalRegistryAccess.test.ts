import { describe, expect } from "bun:test"
import { writeFileSync } from "node:fs"
import { connect } from "node:net"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as Fixtures from "./fixtures.ts"
import { served, bodyOf } from "./served.ts"

const { archive, docker20, hexOf, image, layer } = Fixtures

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

import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { LimitScale } from "../../../../src/layers/processes/limit.ts"
import { it } from "../../../support/effect.ts"
import { untilEffect } from "../../../support/waiting.ts"
import * as FakeApi from "./FakeApi.ts"
import * as OnServer from "./onServer.ts"

/** A chunk of an endless answer. */
const mebibyte = "x".repeat(1024 * 1024)

/** Sends text without end, as fast as it is read. Returns how much it has sent. */
const flood = (asked: FakeApi.Asked, before: string, text = mebibyte) => {
  const { socket } = asked
  let sent = 0
  socket.write(before)
  const more = () => {
    while (!socket.destroyed) {
      sent += text.length
      if (!socket.write(text)) return void socket.once("drain", more)
    }
  }
  more()
  return () => sent
}

/** Ways to answer that are wrong. */
const wrong = {
  "half of an answer whose length is known": ({ socket }) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n[{"Id":"1"}]'),
  "half of an answer in chunks": ({ socket }) =>
    socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n[{"Id":"1"}]\r\n'),
  "half of a chunk": ({ socket }) => socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n[]"),
  "half of a head": ({ socket }) => socket.end("HTTP/1.1 200 OK\r\nContent-Le"),
  "the head only": ({ socket }) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"),
  "nothing, and closes": ({ socket }) => socket.end(),
  "a reset": ({ socket }) => socket.resetAndDestroy(),
  "an answer without a length": ({ socket }) => socket.end("HTTP/1.1 200 OK\r\n\r\n[]"),
  "an answer in HTTP/1.0": ({ socket }) => socket.end("HTTP/1.0 200 OK\r\n\r\n[]"),
  "garbage instead of HTTP": ({ socket }) => socket.write("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
  "bytes instead of HTTP": ({ socket }) => socket.write(Buffer.from([0, 255, 13, 10, 13, 10, 1, 2, 3])),
  "two lengths": ({ socket }) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]x"),
  "a chunk with a wrong length": ({ socket }) =>
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n0\r\n\r\n"),
  "another protocol": ({ socket }) =>
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
  "a redirection": ({ socket }) =>
    socket.write("HTTP/1.1 302 Found\r\nLocation: http://example.com/\r\nContent-Length: 2\r\n\r\n[]"),
  "a head without end": (asked) => void flood(asked, "HTTP/1.1 200 OK\r\nX-A: "),
  "headers without end": (asked) => void flood(asked, "HTTP/1.1 200 OK\r\n", "X-A: b\r\n".repeat(4096)),
  "a text instead of JSON": ({ send }) => send(200, "hello"),
  "half of JSON": ({ send }) => send(200, '[{"Id":'),
  "other JSON": ({ send }) => send(200, '{"hello":"world"}'),
  nothing: ({ send }) => send(200, ""),
  "no content": ({ socket }) => socket.write("HTTP/1.1 204 No Content\r\n\r\n"),
  "an error": ({ json }) => json({ message: "something is broken" }, 500),
  "an error without a reason": ({ send }) => send(500, ""),
  "an error that is not JSON": ({ send }) => send(502, "<html>Bad gateway</html>"),
  "an error without end": (asked) =>
    void flood(asked, `HTTP/1.1 500 Internal Server Error\r\nContent-Length: 1073741824\r\n\r\n`),
  "an answer of 1 GB": (asked) => void flood(asked, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"),
  "1 GB in chunks": (asked) =>
    void flood(asked, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", `100000\r\n${mebibyte}\r\n`)
} satisfies Readonly<Record<string, FakeApi.Handler>>

it.live("uses docker's client if the API does not answer as docker's", () =>
  Effect.gen(function* () {
    const on = yield* OnServer.make()
    for (const [name, answer] of Object.entries(wrong)) {
      on.api.handle(answer)
      expect({ [name]: yield* OnServer.probe(on) }).toEqual({
        [name]: { name: "docker", version: "9.9", architecture: "amd64", containers: [], apiUnusable: "answer" }
      })
      yield* untilEffect(on.api.open, (open) => open === 0)
    }
  })
)

/** What jiji says of these answers to a question that comes later. */
const lines: Readonly<Record<keyof typeof wrong, string>> = {
  "half of an answer whose length is known": "it closed the connection",
  "half of an answer in chunks": "it closed the connection",
  "half of a chunk": "it closed the connection",
  "half of a head": "it closed the connection",
  "the head only": "it closed the connection",
  "nothing, and closes": "it closed the connection",
  "a reset": "it closed the connection",
  "an answer without a length": "unclear",
  "an answer in HTTP/1.0": "unclear",
  "garbage instead of HTTP": "unclear",
  "bytes instead of HTTP": "unclear",
  "two lengths": "unclear",
  "a chunk with a wrong length": "unclear",
  "another protocol": "unclear",
  "a redirection": "docker failed to list containers on web1 (exit code 1): Error response from daemon: []",
  "a head without end": "unclear",
  "headers without end": "unclear",
  "a text instead of JSON": "unclear",
  "half of JSON": "unclear",
  "other JSON": "unclear",
  nothing: "unclear",
  "no content": "unclear",
  "an error": "docker failed to list containers on web1 (exit code 1): Error response from daemon: something is broken",
  "an error without a reason":
    "docker failed to list containers on web1 (exit code 1): Error response from daemon: it gave no reason (500)",
  "an error that is not JSON":
    "docker failed to list containers on web1 (exit code 1): Error response from daemon: <html>Bad gateway</html>",
  "an error without end":
    "docker failed to list containers on web1 (exit code 1): Error response from daemon: it gave no reason (500)",
  "an answer of 1 GB": "Cannot list containers on web1: docker sent more than 16 MiB.",
  "1 GB in chunks": "Cannot list containers on web1: docker sent more than 16 MiB."
}

const sentences: Readonly<Record<string, string>> = {
  "it closed the connection":
    "docker stopped or restarted on web1 when it had to list containers: it closed the connection",
  unclear: "Cannot list containers on web1: jiji does not understand the output of docker."
}

it.live("says in one sentence what is wrong with a later answer", () =>
  Effect.gen(function* () {
    const on = yield* OnServer.make()
    const usual = FakeApi.docker()
    for (const [name, answer] of Object.entries<FakeApi.Handler>(wrong)) {
      on.api.handle((asked) => (asked.path === "/version" ? usual(asked) : answer(asked)))
      const error = yield* Effect.flip(OnServer.probe(on))
      const line = lines[name as keyof typeof wrong]
      expect({ [name]: error.message }).toEqual({ [name]: sentences[line] ?? line })
    }
  })
)

describe("an engine that hangs", () => {
  for (const [what, where, hang] of [
    ["before its first answer", "/version", () => {}],
    ["before an answer", "/containers/json", () => {}],
    ["in the middle of a head", "/d/json", ({ socket }: FakeApi.Asked) => socket.write("HTTP/1.1 200")],
    ["in the middle of an answer", "/d/json", ({ head }: FakeApi.Asked) => head()]
  ] as const)
    it.live(`${what} is given up after the time limit, and its streams are closed`, () =>
      Effect.gen(function* () {
        const usual = FakeApi.docker({ containers: ["a", "b", "c", "d", "e", "f", "g", "h"] })
        const on = yield* OnServer.make({
          handler: (asked) => (asked.path.endsWith(where) ? hang(asked) : usual(asked))
        })
        const error = yield* Effect.flip(OnServer.probe(on))
        expect(error.message).toBe("Timed out on web1 after waiting 1.2 s for docker to answer.")
        yield* untilEffect(() => on.api.open() === on.api.opened() - 1)
      }).pipe(Effect.provideService(LimitScale, 0.02))
    )
})

describe("streams", () => {
  it.live("serve one question after another, and at most six at once", () =>
    Effect.gen(function* () {
      const ids = Array.from({ length: 50 }, (_, index) => `c${index}`)
      const on = yield* OnServer.make({ handler: FakeApi.docker({ containers: ids }) })
      expect((yield* OnServer.probe(on)).containers.map(({ name }) => name)).toEqual(ids.map((id) => `shop-${id}`))
      expect(on.api.opened()).toBe(6)
      expect(on.api.requests().length).toBe(52)
    })
  )

  it.live("are opened again if the engine restarted between two questions", () =>
    Effect.gen(function* () {
      const on = yield* OnServer.make({ handler: FakeApi.docker() })
      yield* OnServer.probe(on)
      for (const _ of [1, 2, 3]) {
        yield* on.api.stop
        yield* on.api.start
        const reference = { registry: "ghcr.io", path: "me/web", tag: "v1" }
        yield* on.docker.pull(on.server, { engine: "docker", reference, verify: true, drop: false })
      }
    })
  )

  it.live("that an engine closes when a question arrives are replaced once", () =>
    Effect.gen(function* () {
      const usual = FakeApi.docker({ containers: ["a"] })
      const used = new Set<unknown>()
      let closed = 0
      const on = yield* OnServer.make({
        handler: (asked) => {
          // As if it had closed the stream while the question was under way.
          if (used.has(asked.socket)) {
            closed++
            return asked.socket.end()
          }
          used.add(asked.socket)
          usual(asked)
        }
      })
      expect((yield* OnServer.probe(on)).containers.map(({ name }) => name)).toEqual(["shop-a"])
      expect(closed).toBe(2)
      expect(on.api.requests().filter((line) => line === "GET /v1.41/containers/json")).toHaveLength(2)
    })
  )

  it.live("that an engine closes again and again are not opened again and again", () =>
    Effect.gen(function* () {
      const usual = FakeApi.docker()
      const on = yield* OnServer.make({
        handler: (asked) => (asked.path === "/version" ? usual(asked) : asked.socket.end())
      })
      const error = yield* Effect.flip(OnServer.probe(on))
      expect(error.message).toBe(sentences["it closed the connection"] ?? "")
      expect(on.api.requests()).toHaveLength(3)
    })
  )
})

it.live("a lost SSH connection is not blamed on the engine", () =>
  Effect.gen(function* () {
    const usual = FakeApi.docker()
    const on = yield* OnServer.make({ handler: (asked) => (asked.path === "/version" ? usual(asked) : asked.head()) })
    const probing = yield* Effect.forkChild(Effect.flip(OnServer.probe(on)))
    yield* untilEffect(on.api.requests, (all) => all.includes("GET /v1.41/containers/json"))
    yield* on.sshd.killSessions
    expect(yield* Fiber.join(probing)).toMatchObject({ _tag: "ConnectionLost", server: "web1" })
  })
)

it.live("reads little more of an answer without end than it keeps", () =>
  Effect.gen(function* () {
    let sent = () => 0
    const usual = FakeApi.docker()
    const on = yield* OnServer.make({
      handler: (asked) => {
        if (asked.path === "/version") return usual(asked)
        sent = flood(asked, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
      }
    })
    const error = yield* Effect.flip(OnServer.probe(on))
    expect(error._tag).toBe("OutputTooLong")
    expect(sent()).toBeGreaterThan(16 * 1024 * 1024)
    expect(sent()).toBeLessThan(64 * 1024 * 1024)
    yield* untilEffect(on.api.open, (open) => open === 0)
  })
)

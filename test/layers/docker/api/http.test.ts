import { expect } from "bun:test"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import * as http from "../../../../src/layers/docker/api/http.ts"
import { it } from "../../../support/effect.ts"
import { untilEffect } from "../../../support/waiting.ts"
import { folder } from "../../ssh/fixture.ts"
import * as FakeApi from "./FakeApi.ts"

/** A client of a fake engine whose streams open only when `gate` opens. */
const gated = Effect.fnUntraced(function* (handler: FakeApi.Handler) {
  const api = yield* FakeApi.make(join(yield* folder, "docker.sock"), handler)
  const gate = yield* Deferred.make<void>()
  let dials = 0
  const dial = Effect.gen(function* () {
    dials++
    yield* Deferred.await(gate)
    const stream = yield* Effect.callback<Socket>((resume) => {
      const socket = connect(api.path, () => resume(Effect.succeed(socket)))
    })
    return { stream, lost: Effect.never }
  })
  const scope = yield* Scope.make()
  const client = yield* Scope.provide(http.make(dial), scope)
  return { api, client, close: Scope.close(scope, Exit.void), dials: () => dials, gate }
})

const question = { method: "GET", path: "/_ping" } as const

it.live("a stream that opens after its question was interrupted serves the next one, or is closed", () =>
  Effect.gen(function* () {
    const { api, client, close, dials, gate } = yield* gated(({ send }) => send(200, "OK"))
    const asking = yield* Effect.forkChild(client.text(question))
    const reading = yield* Effect.forkChild(client.read(question, () => Effect.void))
    yield* untilEffect(() => dials() === 2)
    yield* Fiber.interruptAll([asking, reading])
    yield* Deferred.succeed(gate, undefined)
    yield* untilEffect(() => api.opened() === 2)
    expect(yield* client.text(question)).toBe("OK")
    expect(api.requests()).toEqual(["GET /_ping"])
    yield* untilEffect(() => api.open() === 1)
    yield* close
    yield* untilEffect(() => api.open() === 0)
  })
)

it.live("a stream that opens after the end is closed", () =>
  Effect.gen(function* () {
    const { api, client, close, dials, gate } = yield* gated(({ send }) => send(200, "OK"))
    const asking = yield* Effect.forkChild(Effect.exit(client.text(question)))
    yield* untilEffect(() => dials() === 1)
    yield* close
    yield* Deferred.succeed(gate, undefined)
    yield* untilEffect(() => api.opened() === 1)
    yield* untilEffect(() => api.open() === 0)
    expect(Exit.isFailure(yield* Fiber.join(asking))).toBe(true)
  })
)

it.live("news on the way to an answer are no answer", () =>
  Effect.gen(function* () {
    const { client, gate } = yield* gated(({ send, socket }) => {
      socket.write("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n")
      send(200, "OK")
    })
    yield* Deferred.succeed(gate, undefined)
    expect(yield* client.text(question)).toBe("OK")
  })
)

it.live("only what does no harm twice is sent again on another stream", () =>
  Effect.gen(function* () {
    const used = new Set<unknown>()
    const { api, client, gate } = yield* gated(({ send, socket }) => {
      if (used.has(socket)) return socket.end()
      used.add(socket)
      send(200, "OK")
    })
    yield* Deferred.succeed(gate, undefined)
    yield* client.text(question)
    const command = { method: "POST", path: "/start" } as const
    expect(yield* Effect.flip(client.text(command))).toMatchObject({ _tag: "ApiClosed", isStale: true })
    yield* client.text(question)
    expect(yield* client.text({ ...command, isRepeatable: true })).toBe("OK")
    expect(yield* client.text(question)).toBe("OK")
    expect(api.requests().filter((line) => line === "POST /start")).toHaveLength(3)
  })
)

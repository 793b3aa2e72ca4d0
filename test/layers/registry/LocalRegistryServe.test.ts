import { describe, expect } from "bun:test"
import { readdirSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { Deferred, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { LocalRegistry } from "../../../src/layers/registry/LocalRegistry.ts"
import type { Event } from "../../../src/core/Event.ts"
import { Events } from "../../../src/core/Events.ts"
import { it } from "../../support/effect.ts"
import * as Fixtures from "./fixtures.ts"

const { archive, docker20, folder, image, layer, registryIn } = Fixtures

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

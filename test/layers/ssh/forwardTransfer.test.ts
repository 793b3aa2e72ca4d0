import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { builtIn, client, serverOf, slowToGiveUp } from "./fixture.ts"
import { ask, dial, listen, readAll } from "./net.ts"
import { untilEffect } from "../../support/waiting.ts"
import { servers, echo } from "./forwarding.ts"

const size = 64 * 1024 * 1024
const piece = Buffer.from(crypto.getRandomValues(new Uint8Array(64 * 1024)).buffer)

/** Gives a layer's worth of bytes to everyone, and counts how many were taken from it. */
const source = (count: (bytes: number) => void = () => {}) =>
  listen((socket) => {
    let left = size
    const push = () => {
      while (left > 0) {
        left -= piece.length
        count(piece.length)
        if (!socket.write(piece)) return
      }
      socket.end()
    }
    socket.on("drain", push)
    push()
  })

for (const [name, make] of servers)
  describe(`a forward from ${name}`, () => {
    it.live(
      "carries a layer of any size",
      () =>
        Effect.gen(function* () {
          const { ssh } = yield* client()
          const { carried, port } = yield* ssh.forward(yield* make(), { port: 0, to: yield* source() })
          const bytes = yield* ask(port, "")
          expect(yield* carried).toBe(size)
          expect(bytes.length).toBe(size)
          expect(bytes.subarray(-piece.length).equals(piece)).toBe(true)
        }),
      60_000
    )

    it.live(
      "carries much in the other direction as well",
      () =>
        Effect.gen(function* () {
          const { ssh } = yield* client()
          let received = 0
          const localPort = yield* listen((socket) => {
            socket.on("data", (chunk) => (received += chunk.length))
            socket.once("end", () => socket.end("done"))
          })
          const { port } = yield* ssh.forward(yield* make(), { port: 0, to: localPort })
          expect(String(yield* ask(port, Buffer.alloc(size)))).toBe("done")
          expect(received).toBe(size)
        }),
      60_000
    )

    it.live(
      "waits for a slow reader",
      () =>
        Effect.gen(function* () {
          const { ssh } = yield* client()
          let taken = 0
          const { port } = yield* ssh.forward(yield* make(), {
            port: 0,
            to: yield* source((bytes) => (taken += bytes))
          })
          const socket = yield* dial(port)
          socket.pause()
          let before = -1
          yield* untilEffect(() => taken > 0)
          // Until nothing moves any more: buffers of the kernel, of the channel and of both programs are full.
          while (taken !== before) {
            before = taken
            yield* Effect.sleep("300 millis")
          }
          expect(taken).toBeLessThan(40 * 1024 * 1024)
          socket.resume()
          socket.end()
          expect((yield* readAll(socket)).length).toBe(size)
        }),
      60_000
    )

    it.live(
      "loses no byte when the writer closes before a slow reader has read",
      () =>
        Effect.gen(function* () {
          const { ssh } = yield* client()
          const localPort = yield* listen((socket) => {
            socket.once("data", (wanted) => socket.end(Buffer.alloc(Number(String(wanted)))))
            socket.resume()
          })
          const { port } = yield* ssh.forward(yield* make(), { port: 0, to: localPort })
          // Of several sizes, so that for one of them all that is left waits in the channel when its writer is gone.
          const sizes = Array.from({ length: 14 }, (_, n) => (n + 1) * 1024 * 1024)
          const sockets = yield* Effect.forEach(sizes, (size) =>
            Effect.map(dial(port), (socket) => socket.pause().end(String(size)))
          )
          yield* Effect.sleep("500 millis")
          const answers = yield* Effect.forEach(sockets, (socket) => readAll(socket.resume()), {
            concurrency: "unbounded"
          })
          expect(answers.map(({ length }) => length)).toEqual(sizes)
        }),
      60_000
    )
  })

describe("a lost forward", () => {
  it.live("fails immediately in the middle of a transfer, and ends the transfer", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client(slowToGiveUp)
      const forward = yield* ssh.forward(serverOf(sshd), { port: 0, to: yield* source() })
      const socket = yield* dial(forward.port)
      let seen = 0
      socket.on("data", (chunk) => (seen += chunk.length))
      const lost = yield* Effect.forkChild(Effect.flip(forward.lost))
      yield* untilEffect(() => seen > 0)
      yield* sshd.killSessions
      expect((yield* Fiber.join(lost))._tag).toBe("ConnectionLost")
      yield* untilEffect(() => socket.destroyed || socket.readableEnded)
      expect(seen).toBeLessThan(size)
    })
  )

  it.live("does not fail while it works", () =>
    Effect.gen(function* () {
      const { server } = yield* builtIn()
      const { ssh } = yield* client()
      const forward = yield* ssh.forward(server, { port: 0, to: yield* echo })
      expect((yield* Effect.raceFirst(forward.lost, ask(forward.port, "hello"))).length).toBeGreaterThan(0)
    })
  )
})

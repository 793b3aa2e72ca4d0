import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { connect, type Socket } from "node:net"
import { it } from "../../support/effect.ts"
import { client } from "./fixture.ts"
import { ask, dial, listen } from "./net.ts"
import { untilEffect } from "../../support/waiting.ts"
import { servers, echo } from "./forwarding.ts"

for (const [name, make] of servers)
  describe(`a forward from ${name}`, () => {
    it.live("limits simultaneous connections, and accepts more when they have closed", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        let open = 0
        const to = yield* listen((socket) => {
          open++
          socket
            .on("data", () => socket.end("hello"))
            .on("end", () => socket.end())
            .on("close", () => open--)
        })
        const { port } = yield* ssh.forward(yield* make(), { port: 0, to })
        const flood: Array<Socket> = []
        yield* Effect.addFinalizer(() => Effect.sync(() => flood.forEach((socket) => socket.destroy())))
        // In batches: the kernel lets 128 connections wait for sshd, and drops more for up to a minute.
        while (flood.length < 300) {
          const batch = Array.from({ length: 50 }, () =>
            connect(port, "127.0.0.1")
              .on("error", () => {})
              .resume()
          )
          flood.push(...batch)
          // The oldest are given up; the others are let wait.
          const accepted = Math.min(flood.length, 128)
          yield* untilEffect(
            () => ({ open, closed: flood.filter((socket) => socket.closed).length }),
            (count) => count.open === accepted && count.closed === flood.length - accepted
          )
        }
        flood.forEach((socket) => socket.destroy())
        yield* untilEffect(() => open === 0)
        expect(String(yield* ask(port, "?"))).toBe("hello")
      })
    )

    it.live("drops idle connections for a new one, but keeps those in use", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const to = yield* listen((socket) => socket.on("data", (asked) => socket.write(asked)))
        const { port } = yield* ssh.forward(yield* make(), { port: 0, to })
        const say = Effect.fnUntraced(function* (socket: Socket, word: string) {
          let heard = ""
          socket.on("data", (piece) => (heard += String(piece)))
          socket.write(word)
          yield* untilEffect(() => heard === word)
          socket.removeAllListeners("data")
        })
        const first = yield* dial(port)
        yield* say(first, "one")
        const idle = yield* Effect.forEach(Array.from({ length: 128 }), () =>
          Effect.map(dial(port), (socket) => socket.on("error", () => {}).resume())
        )
        yield* untilEffect(() => idle[0]?.closed === true || idle[0]?.readableEnded === true)
        yield* say(yield* dial(port), "two")
        yield* say(first, "three")
        expect(idle.at(-1)?.readableEnded).toBe(false)
      })
    )

    it.live("carries many connections at the same time", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const { port } = yield* ssh.forward(yield* make(), { port: 0, to: yield* echo })
        const numbers = Array.from({ length: 100 }, (_, n) => String(n))
        const answers = yield* Effect.forEach(numbers, (n) => ask(port, n), { concurrency: "unbounded" })
        expect(answers.map(String)).toEqual(numbers.map((n) => `you said: ${n}`))
      })
    )
  })

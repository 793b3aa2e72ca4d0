import { describe, expect } from "bun:test"
import { Effect, Exit, Fiber, Scope } from "effect"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { Client } from "ssh2"
import type { Server } from "../../../src/config/Project.ts"
import { acceptForwarded } from "../../../src/layers/ssh/Listeners.ts"
import type { SshServerOptions } from "../../../src/sandbox/SshServer.ts"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { builtIn, client, run, serverOf, slowToGiveUp } from "./fixture.ts"
import { addressesOf, ask, dial, listen, loopback, readAll } from "./net.ts"
import { untilEffect } from "../../support/waiting.ts"

const servers: ReadonlyArray<readonly [string, (refusing?: boolean) => Effect.Effect<Server, never, Scope.Scope>]> = [
  [
    "a real sshd",
    (refusing) =>
      Effect.map(Sshd.make({ config: { AllowTcpForwarding: refusing === true ? "no" : "yes" } }), (sshd) =>
        serverOf(sshd)
      )
  ],
  [
    "the built-in server",
    (refusing) => {
      const options: SshServerOptions = { forwarding: refusing !== true }
      return Effect.map(builtIn(options), ({ server }) => server)
    }
  ]
]

/** Answers with what it was sent, once the client has ended its side. */
const echo = listen((socket) => {
  const chunks: Array<Buffer> = []
  socket.on("data", (chunk) => chunks.push(Buffer.from(chunk)))
  socket.once("end", () => socket.end(Buffer.concat([Buffer.from("you said: "), ...chunks])))
})

const size = 120 * 1024 * 1024
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
    it.live("carries bytes both ways, and closes each direction separately", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const { port } = yield* ssh.forward(yield* make(), { port: 0, to: yield* echo })
        expect(String(yield* ask(port, "hello"))).toBe("you said: hello")
      })
    )

    it.live("may lead to a socket instead of a port", () =>
      Effect.gen(function* () {
        const { ssh, home } = yield* client()
        const path = join(home, "socket")
        yield* Effect.acquireRelease(
          Effect.sync(() => Bun.listen({ unix: path, socket: { data: (socket, bytes) => void socket.end(bytes) } })),
          (server) => Effect.sync(() => server.stop(true))
        )
        const { port } = yield* ssh.forward(yield* make(), { port: 0, to: path })
        expect(String(yield* ask(port, "hello"))).toBe("hello")
      })
    )

    it.live("listens on 127.0.0.1 and nowhere else", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const { port } = yield* ssh.forward(yield* make(), { port: 0, to: yield* echo })
        expect(addressesOf(port)).toEqual([loopback])
      })
    )

    it.live("uses the requested port, or another one if that is in use", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const server = yield* make()
        const wanted = yield* Sshd.freePort
        const localPort = yield* echo
        const first = yield* ssh.forward(server, { port: wanted, to: localPort })
        expect(first.port).toBe(wanted)
        const second = yield* ssh.forward(server, { port: wanted, to: localPort })
        expect(second.port).not.toBe(wanted)
        expect(String(yield* ask(second.port, "hello"))).toBe("you said: hello")
      })
    )

    it.live("fails with a remedy when the server refuses it", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const error = yield* Effect.flip(Effect.scoped(ssh.forward(yield* make(true), { port: 9270, to: 9 })))
        expect(error).toMatchObject({ _tag: "ForwardRefused", port: 9270, exitCode: 77 })
        expect(error.remedy).toContain("AllowTcpForwarding yes")
      })
    )

    it.live("closes with its scope, and cuts its connections", () =>
      Effect.gen(function* () {
        const { events, ssh } = yield* client()
        const server = yield* make()
        const scope = yield* Scope.make()
        let isThrough = false
        const localPort = yield* listen((socket) => void socket.on("data", () => (isThrough = true)))
        const { port } = yield* ssh.forward(server, { port: 0, to: localPort }).pipe(Scope.provide(scope))
        const open = yield* dial(port)
        open.write("hello")
        yield* untilEffect(() => isThrough)
        const broken = yield* Effect.forkChild(Effect.exit(readAll(open)))
        yield* Scope.close(scope, Exit.void)
        yield* Fiber.join(broken)
        yield* untilEffect(() => addressesOf(port).length === 0)
        yield* untilEffect(() => events.some((event) => event._tag === "ResourceReleased" && event.clean))
        // The connection is still there for others.
        expect((yield* run(ssh, server, "echo there")).stdout).toBe("there\n")
      })
    )

    it.live("leaves no port open when its request is interrupted", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const server = yield* make()
        yield* ssh.connect(server)
        const port = yield* Sshd.freePort
        const fiber = yield* Effect.forkChild(Effect.scoped(ssh.forward(server, { port, to: 9 })))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        // What the server is asked next it answers after that.
        yield* run(ssh, server, "true")
        yield* untilEffect(() => addressesOf(port).length === 0)
      })
    )

    it.live("survives a refused local connection, which fails only one connection", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const localPort = yield* Sshd.freePort
        const { port } = yield* ssh.forward(yield* make(), { port: 0, to: localPort })
        const answer = yield* Effect.result(ask(port, "hello"))
        if (answer._tag === "Success") expect(answer.success.length).toBe(0)
        const late = yield* Effect.acquireRelease(
          Effect.sync(() =>
            Bun.listen({ hostname: "127.0.0.1", port: localPort, socket: { data: (s) => void s.end("late") } })
          ),
          (server) => Effect.sync(() => server.stop(true))
        )
        expect(late.port).toBe(localPort)
        expect(String(yield* ask(port, "hello"))).toBe("late")
      })
    )

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
        const flood = Array.from({ length: 300 }, () =>
          connect(port, "127.0.0.1")
            .on("error", () => {})
            .resume()
        )
        yield* Effect.addFinalizer(() => Effect.sync(() => flood.forEach((socket) => socket.destroy())))
        // The oldest are given up; the others are let wait.
        yield* untilEffect(() => flood.filter((socket) => socket.closed).length === 300 - 128)
        yield* untilEffect(() => open === 128)
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

describe("a forwarded connection", () => {
  it.live(
    "is rejected unless it comes from the server itself, since `GatewayPorts yes` opens the port to everyone",
    () =>
      Effect.gen(function* () {
        const localPort = yield* echo
        const client = new Client()
        acceptForwarded(client, new PassThrough()).add(9270, localPort)
        const verdict = (srcIP: string, destPort = 9270) =>
          Effect.callback<string>((resume) => {
            const accept = () => {
              resume(Effect.succeed("accepted"))
              return new PassThrough()
            }
            const details = { srcIP, srcPort: 1, destIP: "127.0.0.1", destPort }
            client.emit("tcp connection", details, accept, () => resume(Effect.succeed("rejected")))
          })
        expect(yield* verdict("127.0.0.1")).toBe("accepted")
        expect(yield* verdict("::1")).toBe("accepted")
        expect(yield* verdict("203.0.113.9")).toBe("rejected")
        expect(yield* verdict("127.0.0.1", 9271)).toBe("rejected")
      })
  )
})

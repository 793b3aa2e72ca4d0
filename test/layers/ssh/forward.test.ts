import { describe, expect, spyOn } from "bun:test"
import { Effect, Exit, Fiber, Scope } from "effect"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { Client } from "ssh2"
import { acceptForwarded } from "../../../src/layers/ssh/Listeners.ts"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { client, run } from "./fixture.ts"
import { addressesOf, ask, dial, listen, loopback, readAll } from "./net.ts"
import { untilEffect } from "../../support/waiting.ts"
import { servers, echo } from "./forwarding.ts"

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
        // Holds the server's answer back, so that the request is interrupted after it was granted.
        let answer: (() => void) | undefined
        const { forwardIn } = Client.prototype
        const spy = spyOn(Client.prototype, "forwardIn").mockImplementation(function (this: Client, host, port, done) {
          return forwardIn.call(this, host, port, (error, granted) => {
            answer = () => done?.(error, granted)
          })
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => spy.mockRestore()))
        const fiber = yield* Effect.forkChild(Effect.scoped(ssh.forward(server, { port, to: 9 })))
        yield* untilEffect(() => answer !== undefined)
        expect(addressesOf(port)).toEqual([loopback])
        yield* Fiber.interrupt(fiber)
        answer?.()
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

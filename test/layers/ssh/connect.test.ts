import { describe, expect } from "bun:test"
import { Duration, Effect, Exit, Fiber, Scope } from "effect"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { client, run, serverOf, silentServer, untilNoSessions } from "./fixture.ts"
import { advanceUntilDone, untilEffect } from "../../support/waiting.ts"

describe("a connection", () => {
  it.live("is opened once, however many commands need it at the same time", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { events, ssh } = yield* client()
      const server = serverOf(sshd)
      yield* Effect.forEach(Array.from({ length: 20 }), () => ssh.connect(server), { concurrency: "unbounded" })
      expect(yield* sshd.sessions).toBe(1)
      yield* untilEffect(() => events.length > 0)
      expect(events.map((event) => [event._tag, "resource" in event ? event.resource : ""])).toEqual([
        ["ResourceAcquired", "connection to web1"]
      ])
    })
  )

  it.live("closes with the layer's scope", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const scope = yield* Scope.make()
      const { events, ssh } = yield* client().pipe(Scope.provide(scope))
      yield* ssh.connect(serverOf(sshd))
      yield* untilEffect(() => events.length === 1)
      yield* Scope.close(scope, Exit.void)
      yield* untilNoSessions(sshd)
    })
  )

  it.live("is tried again by the next command after it could not be opened", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client()
      const nowhere = yield* Sshd.freePort
      const error = yield* Effect.flip(ssh.connect(serverOf(sshd, { port: nowhere })))
      expect(error).toMatchObject({ _tag: "HostUnreachable", reason: "refused", exitCode: 69 })
      yield* ssh.connect(serverOf(sshd))
    })
  )

  it.live("is opened again by the next command after it was lost", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client()
      yield* ssh.connect(serverOf(sshd))
      yield* sshd.killSessions
      const again = run(ssh, serverOf(sshd), "echo back").pipe(Effect.retry({ times: 5 }))
      expect((yield* again).stdout).toBe("back\n")
    })
  )

  it.live("is abandoned when all who wait for it are interrupted", () =>
    Effect.gen(function* () {
      const silent = yield* silentServer
      const { ssh } = yield* client()
      const sshd = yield* Sshd.make()
      const server = serverOf(sshd, { port: silent.port })
      const fibers = yield* Effect.forEach([1, 2], () => Effect.forkChild(ssh.connect(server)))
      yield* untilEffect(() => silent.open() === 1)
      yield* Fiber.interruptAll(fibers)
      yield* untilEffect(() => silent.open() === 0)
      yield* ssh.connect(serverOf(sshd))
    })
  )

  it.live("fails at the connect timeout when the server never answers", () =>
    Effect.gen(function* () {
      const silent = yield* silentServer
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client()
      const server = serverOf(sshd, { port: silent.port, connectTimeout: Duration.millis(200) })
      expect(yield* Effect.flip(ssh.connect(server))).toMatchObject({ _tag: "HostUnreachable", reason: "timeout" })
      yield* untilEffect(() => silent.open() === 0)
    })
  )

  it.live("fails for a name without an address", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client()
      // Too long for a name: no name server is asked.
      const server = serverOf(sshd, { host: `${"x".repeat(70)}.invalid` })
      expect(yield* Effect.flip(ssh.connect(server))).toMatchObject({ _tag: "HostUnreachable", reason: "dns" })
    })
  )

  it.effect(
    "fails for a server that does not speak SSH",
    () =>
      Effect.gen(function* () {
        const sshd = yield* Sshd.make()
        const web = yield* Effect.acquireRelease(
          Effect.sync(() => Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() })),
          (web) => Effect.promise(() => web.stop(true))
        )
        const { ssh } = yield* client()
        const server = serverOf(sshd, { port: web.port ?? 0, connectTimeout: Duration.days(1) })
        // It is tried several times, with pauses that the test's clock skips.
        const connecting = yield* Effect.forkChild(Effect.flip(ssh.connect(server)))
        const error = yield* advanceUntilDone(connecting, "100 millis")
        expect(error).toMatchObject({ _tag: "HostUnreachable", reason: "reset" })
      }),
    60_000
  )

  it.live(
    "is tried again when sshd drops one of many simultaneous connections",
    () =>
      Effect.gen(function* () {
        const sshd = yield* Sshd.make({ config: { MaxStartups: "2:60:6" } })
        const { ssh } = yield* client()
        const servers = Array.from({ length: 16 }, (_, n) => serverOf(sshd, { name: `web${n}` }))
        yield* Effect.forEach(servers, (server) => ssh.connect(server), { concurrency: "unbounded" })
        expect(yield* sshd.sessions).toBe(16)
        expect(sshd.log()).toContain("MaxStartups")
      }),
    60_000
  )

  it.live("limits the number of simultaneous handshakes", () =>
    Effect.gen(function* () {
      const silent = yield* silentServer
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client({ maxHandshakes: 3 })
      const fibers = yield* Effect.forEach(Array.from({ length: 8 }), (_, n) =>
        Effect.forkChild(ssh.connect(serverOf(sshd, { name: `web${n}`, port: silent.port })))
      )
      yield* untilEffect(() => silent.open() === 3)
      yield* Effect.sleep("50 millis")
      expect(silent.open()).toBe(3)
      yield* Fiber.interruptAll(fibers)
    })
  )

  it.live("is given up when keep-alives get no answer", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client({ keepAlive: { interval: Duration.millis(100), count: 2 } })
      const process = yield* ssh.exec(serverOf(sshd), "sleep 60")
      yield* sshd.freeze
      const error = yield* Effect.flip(process.exitCode)
      expect(error._tag).toBe("ConnectionLost")
      expect(error.message).toContain("Keepalive")
    })
  )

  it.live("stays open in silence while the server answers keep-alives", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client({ keepAlive: { interval: Duration.millis(50), count: 15 } })
      // Longer than jiji waits for an answer, which a busy machine may delay.
      expect((yield* run(ssh, serverOf(sshd), "sleep 2; echo there")).stdout).toBe("there\n")
    })
  )
})

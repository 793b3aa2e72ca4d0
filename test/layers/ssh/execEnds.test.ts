import { describe, expect } from "bun:test"
import { Duration, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { join } from "node:path"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { builtIn, client, folder, pidIn, run, serverOf, slowToGiveUp, untilNoSessions } from "./fixture.ts"
import { descendants, isAlive } from "../../support/processes.ts"
import { untilEffect } from "../../support/waiting.ts"

describe("a command on the built-in server", () => {
  it.live("is killed with all its child processes when its channel closes", () =>
    Effect.gen(function* () {
      const { server } = yield* builtIn()
      const { ssh } = yield* client({ stopTimeout: Duration.millis(50) })
      const file = join(yield* folder, "pid")
      const command = ssh.exec(server, `trap '' TERM; sleep 300 & echo $$ > ${file}; wait; sleep 300`)
      const fiber = yield* Effect.forkChild(Effect.scoped(Effect.andThen(command, Effect.never)))
      const pid = yield* pidIn(file)
      const children = descendants(pid)
      expect(children).toHaveLength(1)
      yield* Fiber.interrupt(fiber)
      yield* untilEffect(() => ![pid, ...children].some(isAlive))
    })
  )

  it.live("is killed when the server's scope closes", () =>
    Effect.gen(function* () {
      const { ssh } = yield* client()
      const file = join(yield* folder, "pid")
      const scope = yield* Scope.make()
      const { server } = yield* builtIn().pipe(Scope.provide(scope))
      const process = yield* ssh.exec(server, `sleep 300 & echo $$ > ${file}; wait`)
      const pid = yield* pidIn(file)
      const children = descendants(pid)
      yield* Scope.close(scope, Exit.void)
      yield* untilEffect(() => ![pid, ...children].some(isAlive))
      expect((yield* Effect.flip(process.exitCode))._tag).toBe("ConnectionLost")
    })
  )

  it.live("sees only a login's part of this process's environment", () =>
    Effect.gen(function* () {
      process.env["A_SECRET_OF_THE_OPERATOR"] = "hunter2"
      const { server } = yield* builtIn()
      const { ssh } = yield* client()
      const { stdout } = yield* run(ssh, server, "env")
      expect(stdout).toContain("PATH=")
      expect(stdout).not.toContain("hunter2")
    })
  )
})

describe("a lost connection", () => {
  it.live("fails everything that runs on it immediately", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client(slowToGiveUp)
      const reading = yield* ssh.exec(serverOf(sshd), "cat /dev/zero")
      const silent = yield* ssh.exec(serverOf(sshd), "sleep 300")
      const writing = yield* ssh.exec(serverOf(sshd), "sleep 300")
      let started = false
      const fibers = yield* Effect.forEach(
        [
          Stream.runForEach(reading.stdout, () => Effect.sync(() => (started = true))),
          Stream.runDrain(silent.stdout),
          Stream.runDrain(silent.stderr),
          silent.exitCode,
          Effect.forever(writing.write(new Uint8Array(1024 * 1024)))
        ],
        (work) => Effect.forkChild(Effect.flip(work as Effect.Effect<unknown, { readonly _tag: string }>))
      )
      yield* untilEffect(() => started)
      yield* sshd.killSessions
      const errors = yield* Effect.forEach(fibers, Fiber.join)
      expect(errors.map((error) => error._tag)).toEqual(Array.from({ length: 5 }, () => "ConnectionLost"))
    })
  )

  it.live("does not block the scopes of what ran on it", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const scope = yield* Scope.make()
      const { ssh } = yield* client(slowToGiveUp).pipe(Scope.provide(scope))
      yield* ssh.exec(serverOf(sshd), "sleep 300").pipe(Scope.provide(scope))
      yield* ssh.forward(serverOf(sshd), { port: 0, to: 9 }).pipe(Scope.provide(scope))
      yield* sshd.killSessions
      yield* Scope.close(scope, Exit.void)
      yield* untilNoSessions(sshd)
    })
  )
})

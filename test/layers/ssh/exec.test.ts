import { describe, expect } from "bun:test"
import { Duration, Effect, Fiber, Scope, Stream } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Server } from "../../../src/config/Project.ts"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { builtIn, client, folder, output, pidIn, run, serverOf } from "./fixture.ts"
import { isAlive } from "../../support/processes.ts"
import { untilEffect } from "../../support/waiting.ts"

const servers: ReadonlyArray<readonly [string, Effect.Effect<Server, never, Scope.Scope>]> = [
  ["a real sshd", Effect.map(Sshd.make(), (sshd) => serverOf(sshd))],
  ["the built-in server", Effect.map(builtIn(), ({ server }) => server)]
]

for (const [name, make] of servers)
  describe(`a command on ${name}`, () => {
    it.live("returns stdout, stderr and the exit code", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        expect(yield* run(ssh, yield* make, "echo out; echo err >&2; exit 3")).toEqual({
          stdout: "out\n",
          stderr: "err\n",
          code: 3
        })
      })
    )

    it.live("returns the shell's exit code for a signal", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const server = yield* make
        expect((yield* run(ssh, server, "kill -KILL $$")).code).toBe(137)
        expect((yield* run(ssh, server, "kill -TERM $$")).code).toBe(143)
      })
    )

    it.live("reads all of its input, whatever the bytes", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const bytes = crypto.getRandomValues(new Uint8Array(64 * 1024))
        const rounds = 128
        const process = yield* ssh.exec(yield* make, "sha256sum")
        for (let round = 0; round < rounds; round++) yield* process.write(bytes)
        yield* process.end
        const hash = new Bun.CryptoHasher("sha256")
        for (let round = 0; round < rounds; round++) hash.update(bytes)
        expect((yield* output(process)).stdout).toStartWith(hash.digest("hex"))
      })
    )

    it.live("may ignore its input, whatever its size", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const process = yield* ssh.exec(yield* make, "exit 4")
        for (let round = 0; round < 64; round++) yield* process.write(new Uint8Array(256 * 1024))
        expect(yield* process.exitCode).toBe(4)
        yield* process.write(new Uint8Array(10))
      })
    )

    it.live("waits for a slow reader without using more memory", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const dir = yield* folder
        const file = join(dir, "done")
        const process = yield* ssh.exec(yield* make, `head -c 160000000 /dev/zero; echo done > ${file}`)
        const before = globalThis.process.memoryUsage().rss
        let seen = 0
        yield* process.stdout.pipe(
          Stream.take(4),
          Stream.runForEach((chunk) => Effect.as(Effect.sleep("50 millis"), (seen += chunk.length)))
        )
        expect(existsSync(file)).toBe(false)
        expect(globalThis.process.memoryUsage().rss - before).toBeLessThan(80_000_000)
        yield* process.stdout.pipe(Stream.runForEach((chunk) => Effect.sync(() => (seen += chunk.length))))
        expect(seen).toBeGreaterThan(150_000_000)
      })
    )

    it.live("may write a lot to both outputs before anyone reads", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const process = yield* ssh.exec(
          yield* make,
          "(head -c 20000000 /dev/zero >&2) & head -c 20000000 /dev/zero; wait"
        )
        const count = (stream: typeof process.stdout) =>
          Stream.runFold(
            stream,
            () => 0,
            (n, chunk) => n + chunk.length
          )
        // Until the server has filled the channel with both.
        yield* Effect.sleep("300 millis")
        const sizes = yield* Effect.all([count(process.stdout), count(process.stderr)], { concurrency: 2 })
        expect(sizes).toEqual([20_000_000, 20_000_000])
        expect(yield* process.exitCode).toBe(0)
      })
    )

    it.live("waits when more commands start than the server accepts", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const server = yield* make
        const numbers = Array.from({ length: 40 }, (_, n) => n)
        const results = yield* Effect.forEach(numbers, (n) => run(ssh, server, `sleep 0.05; echo ${n}`), {
          concurrency: "unbounded"
        })
        expect(results.map(({ stdout }) => stdout)).toEqual(numbers.map((n) => `${n}\n`))
      })
    )

    it.live("may finish after its input was closed with the scope", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client()
        const file = join(yield* folder, "pid")
        const process = ssh.exec(yield* make, `cat; sleep 0.2; echo $$ > ${file}`)
        yield* Effect.scoped(Effect.andThen(process, Effect.sleep("100 millis")))
        const pid = yield* pidIn(file)
        yield* untilEffect(() => !isAlive(pid))
      })
    )

    it.live("does not block its scope when it never ends", () =>
      Effect.gen(function* () {
        const { ssh } = yield* client({ stopTimeout: Duration.millis(200) })
        const file = join(yield* folder, "pid")
        const server = yield* make
        const command = ssh.exec(server, `trap '' TERM HUP; echo $$ > ${file}; while :; do sleep 0.1; done`)
        const fiber = yield* Effect.forkChild(Effect.scoped(Effect.andThen(command, Effect.never)))
        yield* pidIn(file)
        // The command itself never ends.
        yield* Fiber.interrupt(fiber)
        yield* run(ssh, server, "true")
      })
    )

    it.live("is gone from the server after an interruption if it ends with its input", () =>
      Effect.gen(function* () {
        // Longer than the test may take: only the end of the input can end the command in time.
        const { ssh } = yield* client({ stopTimeout: Duration.hours(1) })
        const file = join(yield* folder, "pid")
        const command = ssh.exec(yield* make, `echo $$ > ${file}; exec cat`)
        const fiber = yield* Effect.forkChild(Effect.scoped(Effect.andThen(command, Effect.never)))
        const pid = yield* pidIn(file)
        yield* Fiber.interrupt(fiber)
        // sshd closes the channel when the command closes its output, a moment before it has exited.
        yield* untilEffect(() => !isAlive(pid))
      })
    )
  })

describe("a command that the server refuses", () => {
  it.live("waits for the others when the server accepts fewer at a time than usual", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make({ config: { MaxSessions: "2" } })
      const { ssh } = yield* client()
      const numbers = Array.from({ length: 12 }, (_, n) => n)
      const results = yield* Effect.forEach(numbers, (n) => run(ssh, serverOf(sshd), `sleep 0.05; echo ${n}`), {
        concurrency: "unbounded"
      })
      expect(results.map(({ stdout }) => stdout)).toEqual(numbers.map((n) => `${n}\n`))
      // It waits, it does not knock until it is let in.
      expect(sshd.log().match(/no more sessions/g)?.length).toBeLessThan(12)
    })
  )

  it.live("takes the place of one that gives way", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make({ config: { MaxSessions: "1" } })
      const { ssh } = yield* client()
      const server = serverOf(sshd)
      const ended = yield* Effect.scoped(
        Effect.flatMap(ssh.exec(server, "cat", { givesWay: true }), ({ exitCode }) => exitCode)
      ).pipe(Effect.forkScoped)
      const held = yield* untilEffect(
        () => sshd.log().match(/User child|Starting session/g)?.length ?? 0,
        (n) => n > 0
      )
      expect(held).toBeGreaterThan(0)
      expect((yield* run(ssh, server, "echo one")).stdout).toBe("one\n")
      expect((yield* run(ssh, server, "echo two")).stdout).toBe("two\n")
      expect(yield* Fiber.join(ended)).toBe(0)
    })
  )

  it.live("fails when the server accepts none at all", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make({ config: { MaxSessions: "0" } })
      const { ssh } = yield* client()
      expect((yield* Effect.flip(run(ssh, serverOf(sshd), "true")))._tag).toBe("RemoteExecFailed")
    })
  )

  it.live("fails when the built-in server refuses it", () =>
    Effect.gen(function* () {
      const { server } = yield* builtIn({ allow: (command) => command !== "false" })
      const { ssh } = yield* client({ stopTimeout: Duration.millis(50) })
      expect((yield* run(ssh, server, "true")).code).toBe(0)
      // Also while another runs, for whose end nothing must wait.
      yield* ssh.exec(server, "sleep 300")
      expect((yield* Effect.flip(run(ssh, server, "false")))._tag).toBe("RemoteExecFailed")
    })
  )
})

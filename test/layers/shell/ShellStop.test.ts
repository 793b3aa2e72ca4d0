import { describe, expect } from "bun:test"
import { Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { local, remote } from "../../../src/layers/shell/Machine.ts"
import { it } from "../../support/effect.ts"
import { liveShell } from "../liveShell.ts"
import { builtIn, serverOf } from "../ssh/fixture.ts"
import * as Sshd from "../ssh/Sshd.ts"
import { commandLine, descendants, isAlive, pidsIn } from "../../support/processes.ts"
import { advanceUntilDone, untilEffect } from "../../support/waiting.ts"
import { machines, sh, runningOn } from "./machines.ts"

for (const [name, make] of machines)
  describe(`a command on ${name}`, () => {
    const running = runningOn(make)

    it.live("is stopped with all its child processes when interrupted, after its own cleanup", () =>
      Effect.gen(function* () {
        const { home, run } = yield* running
        const [pids, undone] = [join(home, "pids"), join(home, "undone")]
        const text = `trap 'echo undone > ${undone}; exit 1' TERM; sleep 300 & echo $$ $! > ${pids}; wait`
        const fiber = yield* Effect.forkChild(run(sh(text)))
        const all = yield* Effect.promise(() => pidsIn(pids))
        expect(all.every(isAlive)).toBe(true)
        yield* Fiber.interrupt(fiber)
        yield* untilEffect(() => !all.some(isAlive))
        expect(readFileSync(undone, "utf8")).toBe("undone\n")
      })
    )

    it.live("leaves no foreground program behind when interrupted", () =>
      Effect.gen(function* () {
        const { home, run } = yield* running
        const pids = join(home, "pids")
        const fiber = yield* Effect.forkChild(run(sh(`sh -c 'echo $$ > ${pids}; exec sleep 300'; true`)))
        const all = yield* Effect.promise(() => pidsIn(pids))
        yield* Fiber.interrupt(fiber)
        yield* untilEffect(() => !all.some(isAlive))
      })
    )
  })

describe("a command on this machine", () => {
  it.effect("is killed when it ignores SIGTERM", () =>
    Effect.gen(function* () {
      const { home, shell } = yield* liveShell
      const pids = join(home, "pids")
      const command = sh(`trap '' TERM; echo $$ > ${pids}; while :; do sleep 0.1; done`)
      const fiber = yield* Effect.forkChild(shell.run(local, command))
      const all = yield* Effect.promise(() => pidsIn(pids))
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber))
      // It ignores SIGTERM, so nothing happens before the time limit of three seconds.
      yield* TestClock.adjust("2900 millis")
      expect(all.every(isAlive)).toBe(true)
      yield* advanceUntilDone(interrupting, "50 millis")
      expect(all.some(isAlive)).toBe(false)
    })
  )
})

describe("a command whose connection is lost", () => {
  it.live("is stopped with all its child processes, after its own cleanup", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, shell } = yield* liveShell
      const [pids, undone] = [join(home, "pids"), join(home, "undone")]
      const text = `trap 'echo undone > ${undone}; exit 1' TERM; sleep 300 & echo $$ $! > ${pids}; wait`
      const fiber = yield* Effect.forkChild(Effect.flip(shell.run(remote(serverOf(sshd)), sh(text))))
      const all = yield* Effect.promise(() => pidsIn(pids))
      const daemon = Number(readFileSync(join(sshd.dir, "sshd.pid"), "utf8"))
      // Not what runs in the session, which is what this is about.
      const sessions = descendants(daemon).filter((pid) => commandLine(pid).startsWith("sshd: "))
      for (const pid of sessions) process.kill(pid, "SIGKILL")
      expect((yield* Fiber.join(fiber))._tag).toBe("ConnectionLost")
      yield* untilEffect(() => !all.some(isAlive))
      expect(readFileSync(undone, "utf8")).toBe("undone\n")
    })
  )

  it.live("is stopped when the built-in server stops", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { server } = yield* builtIn().pipe(Scope.provide(scope))
      const { home, shell } = yield* liveShell
      const pids = join(home, "pids")
      const fiber = yield* Effect.forkChild(
        Effect.flip(shell.run(remote(server), sh(`sleep 300 & echo $$ $! > ${pids}; wait`)))
      )
      const all = yield* Effect.promise(() => pidsIn(pids))
      yield* Scope.close(scope, Exit.void)
      expect((yield* Fiber.join(fiber))._tag).toBe("ConnectionLost")
      yield* untilEffect(() => !all.some(isAlive))
    })
  )
})

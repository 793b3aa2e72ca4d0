import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import { readdirSync } from "node:fs"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { commandLine, descendants } from "../../support/processes.ts"
import { untilEffect } from "../../support/waiting.ts"
import { old, shells, replacing } from "./replacing.ts"

for (const shell of shells) {
  const { start } = replacing(shell)

  describe(`replacing a container with ${shell}`, () => {
    it.live("waits for another deploy of the same container, and continues from its result", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        // Naps that take no time would be over before the first script is.
        engine.program("sleep", 'echo "$1" >>"${0%/*}/state/naps"; [ "$1" != 0.2 ] || exec /bin/sleep 0.2')
        engine.block("create")
        const first = yield* start(engine)
        yield* engine.blocked
        const second = yield* Effect.flatMap(start(engine), ({ ended }) => Effect.forkChild(ended))
        yield* untilEffect(() => engine.get("naps").includes("0.2\n0.2\n"))
        expect(engine.calls()).toHaveLength(1)
        yield* engine.release
        expect((yield* first.ended).stdout).toBe("started shop-web-next-0\n")
        const ended = yield* Fiber.join(second)
        expect(ended.stdout).toBe("unchanged shop-web-next-0\n")
        expect(ended.stderr).not.toContain("waiting")
      })
    )

    it.live("reports once that it waits for another deploy", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.block("create")
        const first = yield* start(engine)
        yield* engine.blocked
        const second = yield* Effect.flatMap(start(engine), ({ ended }) => Effect.forkChild(ended))
        yield* untilEffect(() => engine.get("naps").includes("0.2\n".repeat(21)))
        yield* engine.release
        expect((yield* first.ended).code).toBe(0)
        const { code, stderr } = yield* Fiber.join(second)
        expect(code).toBe(0)
        expect(stderr).toMatch(/^waiting for another deploy of shop-web to finish: [^\n]+\n$/)
      })
    )

    it.live("passes the lock to none of its child processes", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        for (const operation of ["create", "start", "stop", "rename"]) {
          engine.block(operation)
          const script = yield* start(engine, { digest: operation })
          yield* engine.blocked
          const calls = descendants(script.pid).filter((pid) => commandLine(pid).includes(`${engine.dir}/docker`))
          expect(calls.length).toBeGreaterThan(0)
          for (const pid of calls)
            for (const descriptor of ["7", "9"]) expect(readdirSync(`/proc/${pid}/fd`)).not.toContain(descriptor)
          yield* engine.release
          expect((yield* script.ended).code).toBe(0)
        }
      })
    )
  })
}

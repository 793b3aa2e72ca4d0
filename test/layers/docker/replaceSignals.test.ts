import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { untilEffect } from "../../support/waiting.ts"
import { old, shells, replacing } from "./replacing.ts"

for (const shell of shells) {
  const { start } = replacing(shell)

  describe(`replacing a container with ${shell}`, () => {
    const phases = [
      ["beside", "create"],
      ["beside", "start"],
      ["trial", "create"],
      ["trial", "start"],
      ["stop", "create"],
      ["stop", "stop"],
      ["stop", "start"]
    ] as const
    for (const signal of shell === "sh" ? (["SIGTERM", "SIGHUP"] as const) : (["SIGTERM"] as const))
      for (const [how, operation] of phases)
        it.live(`${how}: keeps the old container running after ${signal} during ${operation}`, () =>
          Effect.gen(function* () {
            const engine = yield* FakeEngine.make()
            engine.add("shop-web", "old", old)
            engine.block(operation)
            const script = yield* start(engine, { how })
            yield* engine.blocked
            yield* script.kill(signal)
            yield* engine.release
            expect((yield* script.ended).code).toBe(143)
            expect(engine.containers()).toEqual(["shop-web old running"])
          })
        )

    it.live("exits immediately while it waits for a container to become healthy", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.set("states", "running 0 starting\n")
        const script = yield* start(engine, { how: "trial" })
        // It also naps while another test holds its lock.
        yield* untilEffect(() => engine.calls().includes("start shop-web-trial"))
        const before = engine.get("naps").length
        yield* untilEffect(() => engine.get("naps").length > before)
        yield* script.kill()
        expect((yield* script.ended).code).toBe(143)
        expect(engine.containers()).toEqual(["shop-web old running"])
      })
    )

    it.live("ignores signals and finishes cleaning up once the new container serves", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.block("rm")
        const script = yield* start(engine)
        yield* engine.blocked
        yield* script.kill()
        yield* engine.release
        expect(yield* script.ended).toMatchObject({ code: 0, stdout: "started shop-web-next-0\n" })
        expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
      })
    )

    it.live("finishes even if nobody reads its output any more", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.block("create")
        const script = yield* start(engine)
        yield* engine.blocked
        yield* script.deafen
        yield* engine.release
        expect((yield* script.ended).code).toBe(0)
        expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
      })
    )
  })
}

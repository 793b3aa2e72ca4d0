import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, shells, replacing } from "./replacing.ts"

for (const shell of shells) {
  const { start } = replacing(shell)

  describe(`replacing a container with ${shell}`, () => {
    it.live("exits as after a signal when it is stopped while it waits for another deploy", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.block("create")
        const first = yield* start(engine)
        yield* engine.blocked
        const second = yield* start(engine)
        yield* untilEffect(() => engine.get("naps").includes("0.2\n0.2\n"))
        yield* second.kill()
        const { code, stderr } = yield* second.ended
        expect({ code, stderr: stderr.replace(/^waiting for another deploy .*\n/, "") }).toEqual({
          code: 143,
          stderr: ""
        })
        yield* engine.release
        expect((yield* first.ended).code).toBe(0)
      })
    )
  })
}

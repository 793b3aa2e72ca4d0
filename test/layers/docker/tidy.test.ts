import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { tidy } from "../../../src/layers/docker/tidy/tidy.ts"
import { argumentsOf } from "../../../src/layers/processes/Command.ts"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { shells } from "./replacing.ts"

const repository = "localhost:9270/shop-web"
const images = [
  "sha256:i5 localhost:9270/shop-web v5 sha256:d5",
  "sha256:i4 localhost:9270/shop-web v4 sha256:d4",
  "sha256:i4 localhost:9270/shop-web v4b sha256:d4",
  "sha256:i3 localhost:9270/shop-web v3 <none>",
  "sha256:i2 localhost:9270/shop-web <none> sha256:d2",
  "sha256:x nginx 1 <none>"
]

for (const shell of shells) {
  const run = (engine: FakeEngine.FakeEngine, retain: number) => {
    const args = argumentsOf(tidy.command({ engine: engine.engine, repository, retain }))
    return Effect.scoped(Effect.flatMap(engine.start(shell, tidy.text, args), ({ ended }) => ended))
  }
  const removed = (engine: FakeEngine.FakeEngine) => engine.calls().filter((call) => call.startsWith("rmi"))

  describe(`removing old images with ${shell}`, () => {
    it.live("keeps the newest ones, whatever their tags", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.set("images", `${images.join("\n")}\n`)
        expect((yield* run(engine, 2)).code).toBe(0)
        expect(removed(engine)).toEqual(["rmi localhost:9270/shop-web:v3", "rmi localhost:9270/shop-web@sha256:d2"])
      })
    )

    it.live("keeps all when there are few, and succeeds when one cannot be removed", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.set("images", `${images.join("\n")}\n`)
        engine.fail("rmi", "image is being used by running container")
        expect(yield* run(engine, 1)).toEqual({ code: 0, stdout: "", stderr: "" })
        expect(removed(engine)).not.toEqual([])
        engine.set("log", "")
        yield* run(engine, 9)
        expect(removed(engine)).toEqual([])
      })
    )
  })
}

import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { kept } from "../../../src/layers/docker/kept/kept.ts"
import { prune, pruneWords } from "../../../src/layers/docker/prune/prune.ts"
import { argumentsOf } from "../../../src/layers/processes/Command.ts"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { shells } from "./replacing.ts"

const removals = (engine: FakeEngine.FakeEngine) => engine.calls().filter((call) => call.startsWith("rm "))

describe("the list of kept containers", () => {
  it.effect("skips lines that it cannot read", () =>
    Effect.gen(function* () {
      const good = JSON.stringify({ id: "1", name: "/shop-web.1a", image: "abc", labels: { "jiji.kept": "shop" } })
      const bad = ["{", "null", JSON.stringify({ id: "2", name: "/x", image: "y", labels: { a: 1 } }), "\u0000"]
      const found = yield* kept.answer([...bad, good, ...bad].join("\n"))
      expect(found.map(({ name }) => name)).toEqual(["shop-web.1a"])
    })
  )
})

for (const shell of shells) {
  describe(`removing kept containers with ${shell}`, () => {
    it.live("removes old versions without force, and goes on if one cannot be removed", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.fail("rm", "container is running")
        const values = { engine: engine.engine, project: "shop", doing: "drop", name: "", image: "" } as const
        const args = argumentsOf(kept.command(values, ["id1", "id2"]))
        const { code } = yield* Effect.scoped(
          Effect.flatMap(engine.start(shell, kept.text, args), ({ ended }) => ended)
        )
        expect(code).toBe(0)
        expect(removals(engine)).toEqual(["rm --volumes id1", "rm --volumes id2"])
      })
    )

    it.live("prunes a version without force, and does not report one that it could not remove", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.fail("rm", "container is running")
        const options = { engine: engine.engine, project: "shop", remove: true } as const
        const words = pruneWords({ ...options, repositories: [], surplus: ["shop-web.1a"], containers: [] })
        const args = argumentsOf(prune.command(options, words))
        const { stdout } = yield* Effect.scoped(
          Effect.flatMap(engine.start(shell, prune.text, args), ({ ended }) => ended)
        )
        expect(removals(engine)).toEqual(["rm shop-web.1a"])
        expect(stdout).not.toContain("container shop-web.1a")
      })
    )
  })
}

import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, replacing, same, shells } from "./replacing.ts"

for (const shell of shells) {
  const { run } = replacing(shell)

  describe(`replacing a container with ${shell}`, () => {
    for (const status of ["restarting", "paused"]) {
      it.live(`replaces a container of the same image that is ${status}`, () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", same)
          engine.set("containers/shop-web/states", `${status} 0 \n`)
          expect((yield* run(engine)).stdout).toBe("started shop-web-next-0\n")
          expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
        })
      )

      it.live(`keeps the new container that an interrupted deploy left beside one that is ${status}`, () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", old)
          engine.set("containers/shop-web/states", `${status} 0 \n`)
          engine.add("shop-web-next", "next", same)
          expect((yield* run(engine)).stdout).toBe("unchanged next\n")
          expect(engine.containers()).toEqual(["shop-web next running"])
        })
      )
    }

    it.live("does not say that a container keeps running which only restarts again and again", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.set("containers/shop-web/states", "restarting 3 \n")
        engine.set("states", "exited 0 \n")
        expect((yield* run(engine)).code).toBe(13)
        expect(engine.containers()).toEqual(["shop-web old restarting"])
      })
    )

    it.live("continues a paused container before it stops it, and leaves it running if the new one fails", () =>
      Effect.gen(function* () {
        for (const how of ["beside", "trial", "stop"] as const) {
          const engine = yield* FakeEngine.make("podman")
          engine.add("shop-web", "old", old)
          engine.set("containers/shop-web/states", "paused 0 \n")
          engine.set("states", "exited 0 \n")
          engine.set("events", "1\n")
          expect((yield* run(engine, { how })).code).toBe(10)
          expect(engine.calls()[0]).toBe("unpause old")
          expect(engine.containers()).toEqual(["shop-web old running"])
        }
      })
    )

    it.live("replaces a container of podman whose restart policy is wrong, because podman cannot change it", () =>
      Effect.gen(function* () {
        for (const [policy, outcome] of [
          ["always", "unchanged old\n"],
          ["no", "started shop-web-next-0\n"],
          ["unless-stopped", "started shop-web-next-0\n"]
        ] as const) {
          const engine = yield* FakeEngine.make("podman")
          engine.add("shop-web", "old", { ...same, policy })
          expect((yield* run(engine)).stdout).toBe(outcome)
          expect(engine.get("containers/shop-web/policy")).toBe("always\n")
        }
      })
    )
  })
}

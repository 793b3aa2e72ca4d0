import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, same, shells, replacing } from "./replacing.ts"

for (const shell of shells) {
  const { run } = replacing(shell)

  describe(`replacing a container with ${shell}`, () => {
    describe("repairs what an earlier deploy left behind:", () => {
      it.live("a trial container", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", same)
          engine.add("shop-web-trial", "trial", same)
          expect((yield* run(engine)).stdout).toBe("unchanged old\n")
          expect(engine.containers()).toEqual(["shop-web old running"])
        })
      )

      it.live("a new container beside the running old one", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", old)
          engine.add("shop-web-next", "next", same)
          expect((yield* run(engine)).stdout).toBe("started shop-web-next-0\n")
          expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
        })
      )

      it.live("a new container that runs alone becomes the one that serves", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web-next", "next", same)
          expect((yield* run(engine)).stdout).toBe("unchanged next\n")
          expect(engine.containers()).toEqual(["shop-web next running"])
        })
      )

      it.live("a running new container beside a stopped old one", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", { ...old, running: false })
          engine.add("shop-web-next", "next", old)
          expect((yield* run(engine)).stdout).toBe("started shop-web-next-0\n")
          expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
          expect(engine.calls().slice(0, 2)).toEqual(["rm --force old", "rename shop-web-next shop-web"])
        })
      )

      it.live("a new container that never started", () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", { ...old, running: false })
          engine.add("shop-web-next", "next", { ...same, running: false })
          expect((yield* run(engine)).stdout).toBe("started shop-web-next-0\n")
          expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
        })
      )
    })

    it.live("leaves a container that belongs to someone else alone", () =>
      Effect.gen(function* () {
        for (const labels of [{}, { project: "shop2", digest: "sha256:d2", config: "c2" }]) {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "theirs", { labels })
          expect(yield* run(engine)).toEqual({ code: 11, stdout: "foreign shop-web\n", stderr: "" })
          expect(engine.calls()).toEqual([])
        }
      })
    )

    it.live("changes nothing when another deploy has done the same in the meantime", () =>
      Effect.gen(function* () {
        for (const health of ["", "healthy", "starting"]) {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", { ...same, health })
          expect(yield* run(engine)).toEqual({ code: 0, stdout: "unchanged old\n", stderr: "" })
          expect(engine.calls()).toEqual([])
        }
      })
    )

    it.live("replaces a container of the same image that is unhealthy, stopped or configured differently", () =>
      Effect.gen(function* () {
        for (const given of [
          { ...same, health: "unhealthy" },
          { ...same, running: false },
          { labels: { ...same.labels, config: "c1" } },
          { labels: { ...same.labels, digest: "sha256:d1" } }
        ]) {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", given)
          expect((yield* run(engine)).stdout).toBe("started shop-web-next-0\n")
          expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
        }
      })
    )
  })
}

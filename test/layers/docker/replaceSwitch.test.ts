import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, replacing, same, shells } from "./replacing.ts"

for (const shell of shells) {
  const { run, start } = replacing(shell)

  describe(`the switch to the new container with ${shell}`, () => {
    it.live("trial: does not wait for the old container to stop before it puts it back", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.block("stop")
        const script = yield* start(engine, { how: "trial" })
        yield* engine.blocked
        yield* script.kill()
        // Nobody releases the stop: only `kill` ends it.
        expect((yield* script.ended).code).toBe(143)
        expect(engine.calls().slice(-4)).toEqual([
          "rm --force shop-web-next-1",
          "kill old",
          "start old",
          "update --restart unless-stopped old"
        ])
        expect(engine.containers()).toEqual(["shop-web old running"])
        expect(yield* script.stages).toEqual(["trial", "switch"])
      })
    )

    it.live("stop: removes the new container at once, but lets the old one close its files", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.block("stop")
        const script = yield* start(engine, { how: "stop" })
        yield* engine.blocked
        yield* script.kill()
        yield* untilEffect(() => engine.calls().at(-1) === "rm --force shop-web-next-0")
        yield* engine.release
        expect((yield* script.ended).code).toBe(143)
        expect(engine.calls()).not.toContain("kill old")
        expect(engine.containers()).toEqual(["shop-web old running"])
      })
    )

    it.live("reports its stages, so that jiji can say what is undone", () =>
      Effect.gen(function* () {
        for (const [how, stage] of [
          ["beside", "next"],
          ["stop", "switch"]
        ] as const) {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", old)
          const script = yield* start(engine, { how })
          expect((yield* script.ended).code).toBe(0)
          expect(yield* script.stages).toEqual([stage, "tidy"])
        }
      })
    )

    for (const operation of ["stop", "start"])
      it.live(`docker starts the old container after a reboot during ${operation}, and not the new one`, () =>
        Effect.gen(function* () {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", old)
          engine.block(operation)
          const script = yield* start(engine, { how: "stop" })
          yield* engine.blocked
          const policies = ["shop-web", "shop-web-next"].map((name) => engine.get(`containers/${name}/policy`))
          expect(policies).toEqual(["always\n", "no\n"])
          yield* engine.release
          expect((yield* script.ended).code).toBe(0)
          expect(engine.get("containers/shop-web/policy")).toBe("unless-stopped\n")
        })
      )

    it.live("podman's containers start again after a reboot, but never the trial", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make("podman")
        engine.add("shop-web", "old", { ...old, policy: "always" })
        expect((yield* run(engine, { how: "trial" })).code).toBe(0)
        const calls = engine.calls().filter((call) => /^(create|update)/.test(call))
        expect(calls.map((call) => call.split(" ").slice(0, 5).join(" "))).toEqual([
          "create --name shop-web-trial --restart no",
          "create --name shop-web-next --restart always"
        ])
      })
    )

    it.live("restores the restart policy that an interrupted deploy left", () =>
      Effect.gen(function* () {
        for (const policy of ["always", "no"]) {
          const engine = yield* FakeEngine.make()
          engine.add("shop-web", "old", { ...same, policy })
          expect((yield* run(engine)).stdout).toBe("unchanged old\n")
          expect(engine.calls()).toEqual(["update --restart unless-stopped old"])
        }
      })
    )

    it.live("stops a container to change its restart policy, if the engine cannot change a running one", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.fail("update", "Error response from daemon: Cannot update container")
        const { code, stderr } = yield* run(engine)
        expect(code).toBe(0)
        // This engine cannot change a stopped one either.
        expect(stderr).toBe(
          "docker cannot set the restart policy of shop-web: it does not start again after a reboot\n"
        )
        expect(engine.calls()).toContain("stop shop-web-next")
        expect(engine.containers()).toEqual(["shop-web shop-web-next-0 running"])
      })
    )
  })
}

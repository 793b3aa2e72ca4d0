import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, same, shells, replacing } from "./replacing.ts"

for (const shell of shells) {
  const { run } = replacing(shell)

  describe(`replacing a container with ${shell}`, () => {
    const owners = {
      "another service": { project: "shop", service: "web-next" },
      "another project": { project: "shop-web", service: "next" },
      "the same service of another project": { project: "other", service: "web" },
      nobody: {}
    }
    for (const [owner, labels] of Object.entries(owners)) {
      for (const name of ["shop-web-next", "shop-web-trial"]) {
        it.live(`leaves a ${name} that belongs to ${owner} alone`, () =>
          Effect.gen(function* () {
            for (const how of ["beside", "trial", "stop"] as const) {
              const engine = yield* FakeEngine.make()
              engine.add("shop-web", "old", old)
              engine.add(name, "theirs", { labels })
              expect(yield* run(engine, { how })).toEqual({ code: 11, stdout: `foreign ${name}\n`, stderr: "" })
              expect(engine.calls()).toEqual([])
            }
          })
        )
      }
    }

    it.live("does not take over the container of another service", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web-next", "theirs", { labels: { ...same.labels, service: "web-next" } })
        expect(yield* run(engine)).toEqual({ code: 11, stdout: "foreign shop-web-next\n", stderr: "" })
        expect(engine.containers()).toEqual(["shop-web-next theirs running"])
      })
    )

    it.live("knows the service by its label, whatever the command says", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.add("shop-web-next", "next", { labels: { ...same.labels, service: "web-next" } })
        const words = ["shop-web:v2", "jiji.service=web-next"]
        expect(yield* run(engine, { words })).toMatchObject({ code: 11, stdout: "foreign shop-web-next\n" })
      })
    )

    it.live("leaves a container of another service with its own name alone", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "copy", { labels: { ...same.labels, service: "api" } })
        expect(yield* run(engine)).toMatchObject({ code: 11, stdout: "foreign shop-web\n" })
        expect(engine.calls()).toEqual([])
      })
    )
  })
}

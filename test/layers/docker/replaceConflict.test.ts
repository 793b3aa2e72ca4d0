import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, replacing, shells } from "./replacing.ts"

const theirs = { labels: { project: "shop-web", service: "next" } }

for (const shell of shells) {
  const { start } = replacing(shell)

  describe(`replacing a container with ${shell}`, () => {
    for (const [how, name] of [
      ["beside", "shop-web-next"],
      ["trial", "shop-web-trial"],
      ["stop", "shop-web-next"]
    ] as const) {
      const blockedAt = Effect.fnUntraced(function* (operation: string) {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.block(operation)
        const script = yield* start(engine, { how })
        yield* engine.blocked
        return { engine, script }
      })

      it.live(`${how}: leaves a ${name} alone that another project has created meanwhile`, () =>
        Effect.gen(function* () {
          const { engine, script } = yield* blockedAt("create")
          engine.add(name, "theirs", theirs)
          yield* engine.release
          expect(yield* script.ended).toMatchObject({
            code: 1,
            stderr: `Conflict. The container name ${name} is already in use\n`
          })
          expect(engine.containers()).toEqual(["shop-web old running", `${name} theirs running`])
        })
      )

      it.live(`${how}: leaves it alone if the script is stopped, too`, () =>
        Effect.gen(function* () {
          const { engine, script } = yield* blockedAt("create")
          engine.add(name, "theirs", theirs)
          yield* script.killGroup()
          expect((yield* script.ended).code).toBe(143)
          expect(engine.containers()).toEqual(["shop-web old running", `${name} theirs running`])
        })
      )

      it.live(`${how}: removes its own ${name} if it is stopped before the engine has printed the id`, () =>
        Effect.gen(function* () {
          const { engine, script } = yield* blockedAt("created")
          expect(engine.containers()).toEqual(["shop-web old running", `${name} ${name}-0 created`])
          yield* script.killGroup()
          expect((yield* script.ended).code).toBe(143)
          expect(engine.containers()).toEqual(["shop-web old running"])
        })
      )
    }

    it.live("leaves a container alone that got the name of the new one after that was renamed", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.set("states", "exited 0 \n")
        engine.block("start")
        const script = yield* start(engine)
        yield* engine.blocked
        engine.rename("shop-web-next", "moved")
        engine.add("shop-web-next", "theirs", theirs)
        yield* script.kill()
        yield* engine.release
        expect((yield* script.ended).code).toBe(143)
        expect(engine.containers()).toEqual(["shop-web old running", "shop-web-next theirs running"])
      })
    )
  })
}

import { describe, expect } from "bun:test"
import { Effect } from "effect"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../support/effect.ts"
import { watched } from "./watch.ts"

const set = <X>(name: string, x: X) => Step.make(name, () => Effect.succeed({ x }))

describe("parallel", () => {
  it.effect("keeps what one branch changes if another one only passes it on", () =>
    Effect.gen(function* () {
      const changes = Pipeline.make<{ x: number }, "a">("a").pipe(Pipeline.step(set("a1", "text")))
      const passes = Pipeline.make<{ x: number }, "b">("b").pipe(
        Pipeline.step(Step.make("b1", ({ x }: { readonly x: number }) => Effect.succeed({ y: x + 1 })))
      )
      const use = Step.make("use", ({ x }: { readonly x: string }) => Effect.succeed({ upper: x.toUpperCase() }))
      for (const branches of [Pipeline.parallel(changes, passes), Pipeline.parallel(passes, changes)]) {
        const pipeline = Pipeline.make<{ x: number }>("p").pipe(branches, Pipeline.step(use))
        const { exit } = yield* watched(Pipeline.run(pipeline, { x: 1 }))
        expect(exit).toMatchObject({ _tag: "Success", value: { x: "text", y: 2, upper: "TEXT" } })
      }
    })
  )

  it.effect("accepts values of one type that have different types when it runs", () =>
    Effect.gen(function* () {
      const maybe = (name: string, x: string | undefined) => set(name, x)
      const pipeline = Pipeline.make("p").pipe(Pipeline.parallel(maybe("a", undefined), maybe("b", "later")))
      const { exit } = yield* watched(Pipeline.run(pipeline, {}))
      expect(exit).toMatchObject({ _tag: "Success", value: { x: "later" } })
      const other = Pipeline.make("p").pipe(Pipeline.parallel(maybe("a", "earlier"), maybe("b", undefined)))
      const second = yield* watched(Pipeline.run(other, {}))
      expect(second.exit).toMatchObject({ _tag: "Success", value: { x: undefined } })
    })
  )

  it.effect("uses the value of the later branch, even if it is the one before the branches", () =>
    Effect.gen(function* () {
      const pipeline = Pipeline.make<{ x: boolean }>("p").pipe(
        Pipeline.parallel(
          set<boolean>("a", true),
          Pipeline.make<{ x: boolean }, "b">("b").pipe(Pipeline.step(set<boolean>("b1", false)))
        )
      )
      const { exit } = yield* watched(Pipeline.run(pipeline, { x: false }))
      expect(exit).toMatchObject({ _tag: "Success", value: { x: false } })
    })
  )

  it.effect("keeps what the branches of branches, conditions and items add", () =>
    Effect.gen(function* () {
      const inner = Pipeline.make<{ x: number }, "inner">("inner").pipe(
        Pipeline.parallel(
          Pipeline.make<{ x: number }, "deep">("deep").pipe(
            Pipeline.when({ if: () => true, reason: "", body: set("set", 2) })
          ),
          Step.make("z", () => Effect.succeed({ z: 1 }))
        ),
        Pipeline.forEach({
          name: "items",
          as: "item",
          items: () => [1, 2],
          key: String,
          body: Pipeline.make<{ item: number; x: number }>("item").pipe(
            Pipeline.step(
              Step.make("sum", ({ item, x }: { item: number; x: number }) => Effect.succeed({ sum: item + x }))
            )
          ),
          collect: { as: "sums", value: ({ sum }) => sum }
        })
      )
      const pipeline = Pipeline.make<{ x: number }>("p").pipe(
        Pipeline.parallel(inner, Pipeline.make<{ x: number }, "passes">("passes"))
      )
      const { exit } = yield* watched(Pipeline.run(pipeline, { x: 1 }))
      expect(exit).toMatchObject({ _tag: "Success", value: { x: 2, z: 1, sums: [3, 4] } })
    })
  )
})

import { describe, expect } from "bun:test"
import { Effect, Exit } from "effect"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { it } from "../support/effect.ts"
import { Broken, fail, watched } from "./watch.ts"

const { make, step } = Pipeline

const work = Step.make("work", ({ n }: { readonly n: number }) =>
  n === 2 ? Effect.fail(new Broken({ what: "two" })) : Effect.succeed({ done: n * 10 })
).pipe(Step.undo(() => Effect.void))

const each = (strategy: Strategy.Strategy, after: (n: number) => ReadonlyArray<string> = () => []) =>
  Pipeline.forEach({
    name: "each",
    as: "n",
    items: () => [1, 2, 3, 4],
    key: String,
    strategy,
    after,
    body: make<{ readonly n: number }>("body").pipe(step(work)),
    collect: { as: "all", value: ({ done }) => done, outcomes: true }
  })

const outcomes = Effect.fnUntraced(function* (append: ReturnType<typeof each>) {
  const { exit, lines } = yield* watched(run(make("p").pipe(append), {}))
  const { all } = yield* exit
  return {
    all: all.map((outcome) => {
      switch (outcome._tag) {
        case "Failed":
          return `${outcome.key} Failed ${outcome.failures.map(({ message }) => message).join()}`
        case "Skipped":
        case "NotStarted":
          return `${outcome.key} ${outcome._tag} ${outcome.reason}`
        default:
          return `${outcome.key} ${outcome._tag} ${outcome.value}`
      }
    }),
    lines
  }
})

describe("the outcomes of a forEach", () => {
  it.effect("say which items succeeded, failed, or were skipped for another one, and the run goes on", () =>
    Effect.gen(function* () {
      const { all, lines } = yield* outcomes(each(Strategy.parallel(), (n) => (n === 4 ? ["2"] : [])))
      expect(all).toEqual([
        "1 Succeeded 10",
        "2 Failed two broke.",
        "3 Succeeded 30",
        "4 Skipped not started because 2 failed"
      ])
      expect(lines).toContain("StepFailed p/each[2]: two broke.")
      expect(lines.slice(-2)).toEqual(["StepSucceeded p/each", "RunSucceeded p"])
      expect(lines.filter((line) => line.includes("undo"))).toEqual([])
    })
  )

  it.effect("say which items were not started, or undone, because another one failed", () =>
    Effect.gen(function* () {
      const stopped = yield* outcomes(each(Strategy.rolling()))
      expect(stopped.all).toEqual([
        "1 Succeeded 10",
        "2 Failed two broke.",
        "3 NotStarted not started because 2 failed",
        "4 NotStarted not started because 2 failed"
      ])
      const undone = yield* outcomes(each(Strategy.rolling({ onFailure: "undo" })))
      expect(undone.all.slice(0, 2)).toEqual(["1 Undone 10", "2 Failed two broke."])
      expect(undone.lines).toContain("StepSucceeded p/each[1]/work/undo")
    })
  )

  it.effect("have the item and the cause of its failure, also of a defect", () =>
    Effect.gen(function* () {
      const dying = Step.make("die", () => Effect.die(new Error("boom")))
      const append = Pipeline.forEach({
        name: "each",
        as: "n",
        items: () => [{ host: "a" }],
        key: ({ host }: { readonly host: string }) => host,
        body: make<{ readonly n: { readonly host: string } }>("body").pipe(step(dying)),
        collect: { as: "all", value: () => 1, outcomes: true }
      })
      const { exit } = yield* watched(run(make("p").pipe(append), {}))
      const { all } = yield* exit
      expect(all).toMatchObject([{ _tag: "Failed", item: { host: "a" }, key: "a", failures: [{ tag: "Defect" }] }])
      expect(all[0]?._tag === "Failed" && Exit.hasDies(Exit.failCause(all[0].cause))).toBe(true)
    })
  )

  it.effect("leave the items that succeeded to be undone by a later failure", () =>
    Effect.gen(function* () {
      const { lines } = yield* watched(run(make("p").pipe(each(Strategy.parallel()), step(fail("end"))), {}))
      expect(lines.filter((line) => /^StepSucceeded .*undo/.test(line)).toSorted()).toEqual(
        [1, 3, 4].map((n) => `StepSucceeded p/each[${n}]/work/undo`)
      )
    })
  )
})

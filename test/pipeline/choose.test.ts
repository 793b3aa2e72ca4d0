import { describe, expect, test } from "bun:test"
import { Effect, Result } from "effect"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../support/effect.ts"
import { fail, pass, watched } from "./watch.ts"

const { choose, make, step } = Pipeline

interface Input {
  readonly fast: boolean
}
const isFast = ({ fast }: Input) => fast

const build = Step.make("build", () => Effect.succeed({ image: "built", layers: 3 }))
const reuse = Step.make("reuse", () => Effect.succeed({ image: "reused" }))
const p = make<Input>("p").pipe(
  choose({ if: isFast, question: "is it fast?", body: reuse, else: make("slow").pipe(step(build)) })
)

describe("Pipeline.choose", () => {
  it.effect("runs one side, and publishes nothing about the other one", () =>
    Effect.gen(function* () {
      const fast = yield* watched(run(p, { fast: true }))
      expect(yield* fast.exit).toEqual({ fast: true, image: "reused" })
      expect(fast.lines).toEqual(["RunStarted p", "StepStarted p/reuse", "StepSucceeded p/reuse", "RunSucceeded p"])
      const slow = yield* watched(run(p, { fast: false }))
      expect(yield* slow.exit).toEqual({ fast: false, image: "built", layers: 3 })
      expect(slow.lines.filter((line) => line.includes("reuse"))).toEqual([])
      expect(slow.lines).toContain("StepSucceeded p/slow/build")
    })
  )

  it.effect("can have the same step on both sides", () =>
    Effect.gen(function* () {
      const undone: Array<string> = []
      const side = (name: string) => pass("work").pipe(Step.undo(() => Effect.sync(() => void undone.push(name))))
      const same = make<Input>("p").pipe(choose({ if: isFast, body: side("a"), else: side("b") }), step(fail("end")))
      for (const fast of [true, false]) {
        const { lines } = yield* watched(run(same, { fast }))
        expect(lines.filter((line) => line.startsWith("StepSucceeded"))).toEqual([
          "StepSucceeded p/work",
          "StepSucceeded p/work/undo"
        ])
      }
      expect(undone).toEqual(["a", "b"])
    })
  )

  it.effect("calls a handler once if the same pipeline is on both sides", () =>
    Effect.gen(function* () {
      const calls: Array<string> = []
      const inner = make<{}, "inner">("inner").pipe(
        step(pass("a")),
        Pipeline.on("StepSucceeded", ({ path }) => Effect.sync(() => void calls.push(path)))
      )
      yield* watched(run(make<Input>("p").pipe(choose({ if: isFast, body: inner, else: inner })), { fast: true }))
      expect(calls).toEqual(["p/inner/a", "p/inner"])
    })
  )

  it.effect("fails if the condition returns something else than true or false", () =>
    Effect.gen(function* () {
      // Without type checking.
      const wrong = (() => "yes") as unknown as () => boolean
      const { lines } = yield* watched(run(make("p").pipe(choose({ if: wrong, body: pass("a"), else: pass("b") })), {}))
      expect(lines.at(-1)).toContain('The condition of "a" returned yes, not true or false')
    })
  )

  test("refuses a name that the pipeline already has, but not the same name on both sides", () => {
    const untyped = pass("a" as string)
    const append = choose({ if: () => true, body: untyped, else: untyped })
    expect(() => make("p").pipe(append)).not.toThrow()
    expect(() => make("p").pipe(step(pass("a" as string)), append)).toThrow("two nodes with the path p/a")
    expect(() => make("p").pipe(append, step(pass("a" as string)))).toThrow("two nodes with the path p/a")
  })

  test("is drawn as a question", () => {
    expect(Pipeline.toMermaid(p.pipe(step(pass("end"))))).toBe(`flowchart TD
  subgraph n1 ["p"]
    n2{"is it fast?"}
    n3["reuse"]
    n2 -->|yes| n3
    subgraph n4 ["slow"]
      n5["build"]
    end
    n2 -->|no| n4
    n6["end"]
    n3 --> n6
    n4 --> n6
  end
`)
    const described = Pipeline.describe(p)
    expect(described).toMatchObject({
      nodes: [{ _tag: "Choose", body: { path: "p/reuse" }, else: { path: "p/slow" } }]
    })
  })

  describe("can be edited:", () => {
    const changed = <E>(result: Result.Result<Pipeline.Pipeline<Input, Input>, E>) =>
      run(Result.getOrThrow(result), { fast: false })
    const same = make<Input>("p").pipe(choose({ if: isFast, body: pass("work"), else: pass("work") }))

    it.effect("a step that is on both sides is replaced on both", () =>
      Effect.gen(function* () {
        const replaced = same.pipe(Pipeline.replace("p/work", pass("mine")))
        for (const fast of [true, false]) {
          const { lines } = yield* watched(run(Result.getOrThrow(replaced), { fast }))
          expect(lines).toContain("StepSucceeded p/mine")
        }
      })
    )

    it.effect("a node next to a side stands next to the choice", () =>
      Effect.gen(function* () {
        const { lines } = yield* watched(changed(p.pipe(Pipeline.insertBefore("p/reuse", pass("before")))))
        expect(lines.slice(1, 4)).toEqual(["StepStarted p/before", "StepSucceeded p/before", "StepStarted p/slow"])
        const within = yield* watched(changed(p.pipe(Pipeline.insertAfter("p/slow/build", pass("after")))))
        expect(within.lines).toContain("StepSucceeded p/slow/after")
      })
    )

    it.effect("a side can be removed, and then nothing runs in its place", () =>
      Effect.gen(function* () {
        const half = p.pipe(Pipeline.remove("p/slow"))
        expect((yield* watched(changed(half))).lines).toEqual(["RunStarted p", "RunSucceeded p"])
        const other = yield* watched(run(Result.getOrThrow(half), { fast: true }))
        expect(other.lines).toContain("StepSucceeded p/reuse")
        const none = same.pipe(Pipeline.remove("p/work"))
        expect(Pipeline.describe(Result.getOrThrow(none))).toMatchObject({ nodes: [] })
      })
    )

    test("a name cannot be used twice", () => {
      const twice = same.pipe(Pipeline.insertAfter("p/work", pass("work" as string)))
      expect(Result.isFailure(twice)).toBe(true)
    })
  })
})

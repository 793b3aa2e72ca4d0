import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import fc from "fast-check"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { it } from "../support/effect.ts"
import { pass, watched } from "./watch.ts"

const { forEach, make, parallel, pipeline, replace, insertAfter, run, step, when } = Pipeline

/** A name that the compiler does not know. */
const dynamic = (name: string): string => name
const odd = ["", " ", "b/c", "a[b", "b]", "a\nb", "a\u0000", "\u001b[2J", "a\u202eb", "a\u2028b"]

describe("a name that would make paths ambiguous or unreadable", () => {
  for (const name of odd) {
    test(`${JSON.stringify(name)} is refused for steps, pipelines and every kind of node`, () => {
      const refused = Pipeline.InvalidName
      const inner = make<{ readonly item: string }>("inner")
      expect(() => pass(dynamic(name))).toThrow(refused)
      expect(() => make(dynamic(name))).toThrow(refused)
      expect(() =>
        make("p").pipe(forEach({ name: dynamic(name), as: "item", items: () => [], key: String, body: inner }))
      ).toThrow(refused)
      // Somebody may copy a step and rename it.
      const renamed = { ...pass("a"), name: dynamic(name) }
      const whole = make("p").pipe(step(pass("x")))
      expect(() => whole.pipe(step(renamed))).toThrow(refused)
      expect(() => whole.pipe(pipeline({ ...make("a"), name: dynamic(name) }))).toThrow(refused)
      expect(() => whole.pipe(parallel(pass("b"), renamed))).toThrow(refused)
      expect(() => whole.pipe(when({ if: () => true, reason: "no", body: renamed }))).toThrow(refused)
      expect(() => whole.pipe(replace("p/x", renamed))).toThrow(refused)
      expect(() => whole.pipe(insertAfter("p/x", renamed))).toThrow(refused)
    })
  }

  test("has a message with the name", () => {
    expect(() => make(dynamic("b/c"))).toThrow(
      'The name "b/c" contains a slash, a square bracket or a control character.'
    )
    expect(() => make(dynamic(""))).toThrow('has an empty name ("").')
  })

  test("is the only one: all others can be used, and no two nodes have the same path", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 2 }), ([a = "", b = ""]) => {
        fc.pre(![a, b].some((name) => name.trim() === "" || /[/[\]\p{Cc}]/u.test(name)))
        const whole = make("p").pipe(pipeline(make(a).pipe(step(pass(b)))), step(pass(b)))
        expect(Pipeline.describe(whole)).toMatchObject({ nodes: [{ path: `p/${a}` }, { path: `p/${b}` }] })
      })
    )
  })
})

describe("parallel branches that add the same key", () => {
  const adds = (name: string, value: unknown) => Step.make(dynamic(name), () => Effect.succeed({ x: value }))

  it.effect("succeed if only the values have different types", () =>
    Effect.gen(function* () {
      const p = make("p").pipe(parallel(adds("one", 1), make("two").pipe(step(adds("inner", "1")))))
      const { exit } = yield* watched(run(p, {}))
      expect(exit).toMatchObject({ _tag: "Success", value: { x: "1" } })
    })
  )

  it.effect("succeed if the types are equal, with the value of the later branch", () =>
    Effect.gen(function* () {
      const { exit } = yield* watched(run(make("p").pipe(parallel(adds("one", [1]), adds("two", [2]))), {}))
      expect(exit).toMatchObject({ _tag: "Success", value: { x: [2] } })
    })
  )
})

describe("the strategy of a forEach", () => {
  const over = (strategy: Strategy.Strategy) => () =>
    make("p").pipe(
      forEach({
        name: "servers",
        as: "item",
        items: () => ["a"],
        key: String,
        strategy,
        body: make<{ readonly item: string }>("each")
      })
    )

  test("is refused if a number is not a count, and the error names the forEach and the value", () => {
    const cases = [
      [Strategy.parallel({ concurrency: 0 }), "concurrency: 0"],
      [Strategy.rolling({ batch: 0 }), "batch: 0"],
      [Strategy.rolling({ batch: 1.5 }), "batch: 1.5"],
      [Strategy.canary({ first: -1 }), "first: -1"],
      [Strategy.canary({ rest: Strategy.parallel({ concurrency: Number.NaN }) }), "concurrency: NaN"]
    ] as const
    for (const [strategy, shown] of cases) {
      expect(over(strategy)).toThrow(`The strategy of the forEach "servers" has \`${shown}\`.`)
    }
    expect(over(Strategy.canary({ rest: Strategy.rolling({ batch: 3 }) }))).not.toThrow()
  })
})

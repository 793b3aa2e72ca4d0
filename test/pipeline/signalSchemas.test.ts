import { expect, test } from "bun:test"
import { Effect, Schema } from "effect"
import { asNode } from "../../src/pipeline/Node.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { signalSchemas } from "../../src/pipeline/signalSchemas.ts"
import * as Step from "../../src/pipeline/Step.ts"

const { call, forEach, make, parallel, step, when } = Pipeline

/** The signals of a pipeline, each with the number of steps that wait for it. */
const signalsOf = (pipeline: object) => {
  const node = asNode(pipeline)
  if (node._tag !== "Pipeline") throw new Error("no pipeline")
  const { isDynamic, schemas } = signalSchemas(node)
  return { isDynamic, signals: [...schemas].map(([name, all]) => `${name} ${all.length}`).toSorted() }
}

const wait = Step.waitFor("approved", { schema: Schema.Struct({ tag: Schema.String }) })

test("a pipeline's signals are found wherever a step waits for one, also if an edit has wrapped it", () => {
  const inner = make<{ readonly item: string }>("inner").pipe(
    step(Step.waitFor("checked").pipe(Step.timeout("1 hour")))
  )
  const whole = make("whole").pipe(
    step(wait),
    parallel(Step.waitFor("left"), Step.waitFor("right")),
    forEach({ name: "items", as: "item", items: () => ["a"], key: (item: string) => item, body: inner }),
    when({ if: () => true, reason: "never", body: Step.waitFor("maybe") })
  )
  expect(signalsOf(whole)).toEqual({
    isDynamic: false,
    signals: ["approved 1", "checked 1", "left 1", "maybe 1", "right 1"]
  })
})

test("a called pipeline counts, and one that is chosen later may have any", () => {
  const called = make("called").pipe(step(wait))
  expect(
    signalsOf(
      make("outer").pipe(
        call("child", called, () => ({})),
        step(wait)
      )
    )
  ).toEqual({
    isDynamic: false,
    signals: ["approved 2"]
  })
  expect(
    signalsOf(
      make("outer").pipe(
        call(
          "child",
          () => called,
          () => ({})
        )
      )
    )
  ).toEqual({
    isDynamic: true,
    signals: []
  })
  expect(signalsOf(make("plain").pipe(step(Step.make("work", () => Effect.void))))).toEqual({
    isDynamic: false,
    signals: []
  })
})

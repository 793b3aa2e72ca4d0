import { describe, expect, test } from "bun:test"
import { Effect, Schedule } from "effect"
import type { Events } from "../../src/core/Events.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { it } from "../support/effect.ts"
import { Broken, fail, hold, inTime, never, pass, watched } from "./watch.ts"

const { make, pipeline, step } = Pipeline

/** A step that fails a number of times. */
const flaky = (failures: number) => {
  let attempts = 0
  return Step.make("flaky", () =>
    ++attempts > failures ? Effect.succeed({ attempts }) : Effect.fail(new Broken({ what: `attempt ${attempts}` }))
  )
}
const undoable = <const Name extends string>(name: Name) => pass(name).pipe(Step.undo(() => Effect.void))
const starts = (lines: ReadonlyArray<string>) => lines.flatMap((line) => line.match(/(?<=^StepStarted ).*/) ?? [])

describe("Pipeline.retry", () => {
  it.effect("runs the pipeline again, with the number of the attempt in its paths", () =>
    Effect.gen(function* () {
      const inner = make("inner").pipe(
        step(undoable("a")),
        step(hold("b")),
        step(flaky(1)),
        Pipeline.retry(Schedule.spaced("3 seconds"))
      )
      const { exit, lines } = yield* inTime(run(make("p").pipe(pipeline(inner)), {}))
      expect(yield* exit).toEqual({ attempts: 2 })
      expect(lines).toEqual([
        "RunStarted p",
        "StepStarted p/inner",
        "StepStarted p/inner/a",
        "StepSucceeded p/inner/a",
        "StepStarted p/inner/b",
        "ResourceAcquired p/inner/b: b",
        "StepSucceeded p/inner/b",
        "StepStarted p/inner/flaky",
        "StepFailed p/inner/flaky: attempt 1 broke.",
        "StepStarted p/inner/a/undo",
        "StepSucceeded p/inner/a/undo",
        "ResourceReleased p/inner/b: b",
        "StepRetried p/inner: 1 in 3000, attempt 1 broke.",
        "StepStarted p/inner[2]",
        "StepStarted p/inner[2]/a",
        "StepSucceeded p/inner[2]/a",
        "StepStarted p/inner[2]/b",
        "ResourceAcquired p/inner[2]/b: b",
        "StepSucceeded p/inner[2]/b",
        "StepStarted p/inner[2]/flaky",
        "StepSucceeded p/inner[2]/flaky",
        "ResourceReleased p/inner[2]/b: b",
        "StepSucceeded p/inner[2]",
        "StepSucceeded p/inner",
        "RunSucceeded p"
      ])
    })
  )

  it.effect("retries items of a forEach and whole runs", () =>
    Effect.gen(function* () {
      const body = make<{ readonly n: number }>("body").pipe(step(flaky(1)), Pipeline.retry(Schedule.recurs(1)))
      const each = Pipeline.forEach({ name: "each", as: "n", items: () => [7], key: String, body })
      const items = yield* inTime(run(make("p").pipe(each), {}))
      expect(starts(items.lines).slice(2)).toEqual(["p/each[7]/flaky", "p/each[7][2]", "p/each[7][2]/flaky"])
      const whole = yield* inTime(run(make("p").pipe(step(flaky(2)), Pipeline.retry(Schedule.recurs(2))), {}))
      expect(starts(whole.lines)).toEqual(["p/flaky", "p[2]", "p[2]/flaky", "p[3]", "p[3]/flaky"])
      expect(whole.lines.at(-1)).toBe("RunSucceeded p")
    })
  )

  it.effect("counts the attempts of several retries together, so that no path starts twice", () =>
    Effect.gen(function* () {
      const p = make("p").pipe(step(fail("a")), Pipeline.retry(Schedule.recurs(1)), Pipeline.retry(Schedule.recurs(1)))
      const { lines } = yield* inTime(run(p, {}))
      expect(starts(lines)).toEqual(["p/a", "p[2]", "p[2]/a", "p[3]", "p[3]/a", "p[4]", "p[4]/a"])
    })
  )

  it.effect("undoes the steps of the successful attempt when a later node fails", () =>
    Effect.gen(function* () {
      const inner = make("inner").pipe(step(undoable("a")), step(flaky(1)), Pipeline.retry(Schedule.recurs(1)))
      const { lines } = yield* inTime(run(make("p").pipe(pipeline(inner), step(fail("end"))), {}))
      expect(starts(lines).filter((path) => path.endsWith("/undo"))).toEqual(["p/inner/a/undo", "p/inner[2]/a/undo"])
    })
  )

  it.effect("calls the handlers of the pipeline for all attempts", () =>
    Effect.gen(function* () {
      const calls: Array<string> = []
      const watching = make("watching").pipe(
        step(pass("a")),
        Pipeline.on("StepSucceeded", ({ path }) => Effect.sync(() => void calls.push(path)))
      )
      const inner = make("inner").pipe(pipeline(watching), step(flaky(1)), Pipeline.retry(Schedule.recurs(1)))
      yield* inTime(run(make("p").pipe(pipeline(inner)), {}))
      expect(calls).toEqual(["p/inner/watching/a", "p/inner/watching", "p/inner[2]/watching/a", "p/inner[2]/watching"])
    })
  )
})

describe("Pipeline.timeout", () => {
  it.effect("stops the pipeline, undoes its steps and releases their resources", () =>
    Effect.gen(function* () {
      const inner = make("inner").pipe(
        step(undoable("a")),
        step(hold("b")),
        step(never("c")),
        Pipeline.timeout("90 seconds")
      )
      const { events, exit, lines } = yield* inTime(run(make("p").pipe(pipeline(inner)), {}))
      expect(lines.slice(-6)).toEqual([
        "StepInterrupted p/inner/c",
        "StepStarted p/inner/a/undo",
        "StepSucceeded p/inner/a/undo",
        "ResourceReleased p/inner/b: b",
        "StepFailed p/inner: p/inner took longer than 1m 30s and was stopped.",
        "RunFailed p: p/inner took longer than 1m 30s and was stopped."
      ])
      expect(events.at(-1)).toMatchObject({ millis: 90_000 })
      expect(yield* Effect.flip(exit)).toBeInstanceOf(Pipeline.StepTimedOut)
    })
  )

  it.effect("limits each attempt when applied before retry, and all attempts when applied after", () =>
    Effect.gen(function* () {
      const recurs = Pipeline.retry(Schedule.recurs(2))
      const p = make("p").pipe(step(never("a")))
      const each = yield* inTime(run(p.pipe(Pipeline.timeout("10 seconds"), recurs), {}))
      expect(each.events.at(-1)).toMatchObject({ millis: 30_000 })
      const all = yield* inTime(run(p.pipe(recurs, Pipeline.timeout("10 seconds")), {}))
      expect(all.events.at(-1)).toMatchObject({ millis: 10_000 })
    })
  )
})

describe("Pipeline.undo", () => {
  const undone: Array<unknown> = []
  const a = Step.make("a", () => Effect.succeed({ made: 1 })).pipe(
    Step.undo(() => Effect.sync(() => void undone.push("step")))
  )
  const inner = make<{ readonly x: number }>("inner").pipe(
    step(a),
    Pipeline.undo(({ made, x }: { readonly made: number; readonly x: number }) =>
      Effect.sync(() => void undone.push({ made, x }))
    )
  )
  const p = make<{ readonly x: number }>("p").pipe(pipeline(inner))

  it.effect("runs with the final state when an enclosing pipeline fails, before the undos of the steps", () =>
    Effect.gen(function* () {
      const { lines } = yield* watched(run(p.pipe(step(fail("b"))), { x: 5 }))
      expect(undone.splice(0)).toEqual([{ made: 1, x: 5 }, "step"])
      expect(starts(lines).slice(-2)).toEqual(["p/inner/undo", "p/inner/a/undo"])
    })
  )

  it.effect("does not run if its own pipeline fails, or if everything succeeds", () =>
    Effect.gen(function* () {
      yield* watched(run(p, { x: 5 }))
      expect(undone.splice(0)).toEqual([])
      const failing = make<{ readonly x: number }>("p").pipe(pipeline(inner.pipe(step(fail("b")))))
      yield* watched(run(failing, { x: 5 }))
      expect(undone.splice(0)).toEqual(["step"])
    })
  )

  it.effect("runs for a run that a step has started, and for the items of a forEach", () =>
    Effect.gen(function* () {
      const start = Step.make("start", () => run(inner, { x: 1 }))
      const nested = yield* watched(
        Effect.andThen(Effect.exit(run(make("p").pipe(step(start), step(fail("b"))), {})), Effect.void)
      )
      expect(nested.lines.length).toBeGreaterThan(0)
      expect(undone.splice(0)).toEqual([{ made: 1, x: 1 }, "step"])
      const each = Pipeline.forEach({
        name: "each",
        as: "x",
        items: () => [1, 2],
        key: String,
        strategy: Strategy.rolling(),
        body: inner
      })
      const items = yield* watched(run(make("p").pipe(each, step(fail("b"))), {}))
      expect(undone.splice(0)).toEqual([{ made: 1, x: 2 }, "step", { made: 1, x: 1 }, "step"])
      expect(items.lines).toContain("StepSucceeded p/each[2]/undo")
    })
  )

  test("refuses a pipeline with a node `undo`, since their paths would be the same", () => {
    const taken = "two nodes with the path q/undo"
    const add = Pipeline.undo(() => Effect.void)
    expect(() => make("q").pipe(step(pass("undo")), add)).toThrow(taken)
    expect(() => make("q").pipe(add, step(pass("undo")))).toThrow(taken)
    const inserted = make("q").pipe(step(pass("a")), add, Pipeline.insertAfter("q/a", pass("undo")))
    expect(inserted).toMatchObject({ _tag: "Failure", failure: { path: "q/undo" } })
  })
})

describe("wrappers that depend on the state", () => {
  interface Input {
    readonly times: number
    readonly limit: string
  }
  const again = ({ times }: Input) => Schedule.recurs(times)
  // The type of durations knows how they are written.
  const limit = ({ limit }: Input) => limit as "1 minute"

  it.effect("read it when the step or pipeline starts", () =>
    Effect.gen(function* () {
      const aStep = make<Input>("p").pipe(step(never("a").pipe(Step.timeout(limit), Step.retry(again))))
      const aPipeline = make<Input>("p").pipe(step(never("a")), Pipeline.timeout(limit), Pipeline.retry(again))
      for (const p of [aStep, aPipeline]) {
        const { events } = yield* inTime(run(p, { times: 3, limit: "20 seconds" }))
        expect(events.at(-1)).toMatchObject({ _tag: "RunFailed", millis: 80_000 })
      }
    })
  )

  it.effect("fail with a sentence if they return something else", () =>
    Effect.gen(function* () {
      const wrong = (() => "soon") as () => never
      const says = Effect.fnUntraced(function* (p: Pipeline.Pipeline<{}, {}, unknown, unknown>) {
        // The wrong functions have no services, which their type `never` hides.
        return (yield* watched(run(p, {}) as Effect.Effect<{}, unknown, Events>)).lines.at(-1)
      })
      expect(yield* says(make("p").pipe(step(pass("a").pipe(Step.timeout(wrong)))))).toContain(
        'The timeout of the step "a" returned soon, not a duration'
      )
      expect(yield* says(make("p").pipe(step(pass("a")), Pipeline.retry(wrong)))).toContain(
        'The retry of the pipeline "p" returned soon, not a Schedule'
      )
    })
  )

  test("are drawn and described", () => {
    const inner = make<Input>("inner").pipe(
      step(pass("a").pipe(Step.timeout(limit))),
      Pipeline.timeout(limit),
      Pipeline.retry(again)
    )
    const whole = make<Input>("p").pipe(pipeline(inner), Pipeline.timeout("1 hour"))
    expect(Pipeline.toMermaid(whole)).toContain('["p, timeout 1h"]')
    expect(Pipeline.toMermaid(whole)).toContain('["inner, timeout from the state, with retries"]')
    expect(Pipeline.describe(whole)).toMatchObject({
      wrappers: [{ _tag: "Timeout", millis: 3_600_000 }],
      nodes: [
        {
          wrappers: [{ _tag: "TimeoutFromState" }, { _tag: "Retry" }],
          nodes: [{ wrappers: [{ _tag: "TimeoutFromState" }] }]
        }
      ]
    })
  })
})

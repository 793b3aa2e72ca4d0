import { describe, expect } from "bun:test"
import { Deferred, Effect, Fiber, Layer, Schedule, Stream } from "effect"
import { Events } from "../../src/core/Events.ts"
import * as NameTracker from "../../src/core/NameTracker.ts"
import { wholeRun } from "../../src/core/runEvents.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { it } from "../support/effect.ts"
import { fail, pass } from "./watch.ts"

const { make, run, step } = Pipeline

/** Runs a pipeline. Returns the paths of the undos that completed, and the steps that could still be undone after it. */
const watch = <S, E>(pipeline: Pipeline.Pipeline<{}, S, E, Events>) =>
  Effect.gen(function* () {
    const stream = yield* (yield* Events).subscribe
    const reader = yield* Effect.forkChild(Stream.runCollect(wholeRun(stream)), { startImmediately: true })
    yield* Effect.exit(run(pipeline, {}))
    const events = [...(yield* Fiber.join(reader))]
    const undone = events.filter((event) => event._tag === "StepSucceeded" && event.kind === "undo")
    return { undone: undone.map(({ path }) => path), left: (yield* NameTracker.UndoableSteps).names() }
  }).pipe(
    Effect.scoped,
    Effect.provideService(NameTracker.UndoableSteps, NameTracker.make()),
    Effect.provide(Events.layer.pipe(Layer.provideMerge(Scrubber.layer)))
  )

/** A run that a step can start in the background, and a step that ends it. */
const background = () => {
  const end = Deferred.makeUnsafe<void>()
  let fiber: Fiber.Fiber<unknown, unknown> | undefined
  const slow = make("slow").pipe(
    step(pass("one").pipe(Step.undo(() => Effect.void))),
    step(Step.make("wait", () => Deferred.await(end)))
  )
  const start = Effect.gen(function* () {
    fiber = yield* Effect.forkDetach(run(slow, {}), { startImmediately: true })
  })
  const finish = Effect.gen(function* () {
    yield* Deferred.succeed(end, undefined)
    if (fiber !== undefined) yield* Fiber.await(fiber)
  })
  return { start, finish }
}

describe("a run that ends after the step that has started it", () => {
  it.effect("is undone if the outer run fails later", () =>
    Effect.gen(function* () {
      const { start, finish } = background()
      const steps = make("outer").pipe(
        step(Step.make("start", () => start)),
        step(Step.make("finish", () => finish)),
        step(fail("late"))
      )
      expect(yield* watch(steps)).toEqual({ undone: ["outer/start/slow/one/undo"], left: [] })
    })
  )

  it.effect("is not undone if the step has an undo of its own", () =>
    Effect.gen(function* () {
      const { start, finish } = background()
      const steps = make("outer").pipe(
        step(Step.make("start", () => start).pipe(Step.undo(() => Effect.void))),
        step(Step.make("finish", () => finish)),
        step(fail("late"))
      )
      expect(yield* watch(steps)).toEqual({ undone: ["outer/start/undo"], left: [] })
    })
  )

  it.effect("is undone besides the step's own undo if an attempt that failed has started it", () =>
    Effect.gen(function* () {
      const { start, finish } = background()
      let attempts = 0
      const flaky = Step.make("start", () => (++attempts === 1 ? Effect.andThen(start, Effect.fail("no")) : finish))
      const steps = make("outer").pipe(
        step(
          flaky.pipe(
            Step.retry(Schedule.recurs(1)),
            Step.undo(() => Effect.void)
          )
        ),
        step(fail("late"))
      )
      expect(yield* watch(steps)).toEqual({ undone: ["outer/start/undo", "outer/start/slow/one/undo"], left: [] })
    })
  )

  it.effect("is undone with the item of a forEach that has started it, only if that item failed", () =>
    Effect.gen(function* () {
      const runs = { good: background(), bad: background() }
      const start = Step.make("start", ({ item }: { readonly item: "good" | "bad" }) =>
        Effect.andThen(runs[item].start, item === "bad" ? Effect.fail("no") : Effect.void)
      )
      const items = make("items").pipe(
        Pipeline.forEach({
          name: "all",
          as: "item",
          items: () => ["good", "bad"] as const,
          key: String,
          strategy: Strategy.rolling({ onFailure: "stop" }),
          body: make<{ readonly item: "good" | "bad" }>("item").pipe(step(start))
        })
      )
      // Holds the failed pipeline until the runs have ended too.
      const held = Step.make("held", () => Effect.addFinalizer(() => Effect.andThen(runs.good.finish, runs.bad.finish)))
      const outer = make("outer").pipe(step(held), Pipeline.pipeline(items))
      expect(yield* watch(outer)).toEqual({ undone: ["outer/items/all[bad]/start/slow/one/undo"], left: [] })
    })
  )
})

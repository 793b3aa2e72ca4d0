import { describe, expect } from "bun:test"
import { Effect, Exit, Fiber, Layer, Schedule, Stream } from "effect"
import { Events } from "../../src/core/Events.ts"
import { wholeRun } from "../../src/core/runEvents.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../support/effect.ts"
import { fail, pass } from "./watch.ts"

const { make, run, step } = Pipeline

const undoable = <const Name extends string>(name: Name) => pass(name).pipe(Step.undo(() => Effect.void))
const child = make("child").pipe(step(undoable("one")))

/** Runs a pipeline. Returns its exit, and one line for each event of the run and the runs inside it. */
const watch = <S, E>(pipeline: Pipeline.Pipeline<{}, S, E, Events>) =>
  Effect.gen(function* () {
    const stream = yield* (yield* Events).subscribe
    const reader = yield* Effect.forkChild(Stream.runCollect(wholeRun(stream)), { startImmediately: true })
    const exit = yield* Effect.exit(run(pipeline, {}))
    return { exit, lines: [...(yield* Fiber.join(reader))].map(({ _tag, path }) => `${_tag} ${path}`) }
  }).pipe(Effect.scoped, Effect.provide(Events.layer.pipe(Layer.provideMerge(Scrubber.layer))))

/** The retries, and the undos that completed, in order. */
const retriesAndUndos = (lines: ReadonlyArray<string>) =>
  lines.filter((line) => line.startsWith("StepRetried ") || /^StepSucceeded .*\/undo$/.test(line))

/** A step that starts a run, and fails at its first attempt. */
const flaky = () => {
  let attempts = 0
  return Step.make("flaky", () =>
    Effect.gen(function* () {
      const attempt = ++attempts
      yield* run(child, {})
      if (attempt === 1) return yield* Effect.fail("not yet")
      return { attempt }
    })
  ).pipe(Step.retry(Schedule.recurs(1)))
}

describe("the run that a failed attempt has started", () => {
  it.effect("is undone before the next attempt", () =>
    Effect.gen(function* () {
      const { exit, lines } = yield* watch(make("outer").pipe(step(flaky())))
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(retriesAndUndos(lines)).toEqual(["StepSucceeded outer/flaky/child/one/undo", "StepRetried outer/flaky"])
      const starts = lines.flatMap((line, index) => (line === "StepStarted child/one" ? [index] : []))
      const undo = lines.indexOf("StepSucceeded outer/flaky/child/one/undo")
      expect(starts.map((start) => start < undo)).toEqual([true, false])
    })
  )

  it.effect("is undone also if the step has an undo of its own, which knows only the last attempt", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const own = flaky().pipe(
        Step.undo(({ attempt }: { readonly attempt: number }) => Effect.sync(() => void seen.push(attempt)))
      )
      const { lines } = yield* watch(make("outer").pipe(step(own), step(fail("late"))))
      expect(retriesAndUndos(lines)).toEqual([
        "StepSucceeded outer/flaky/child/one/undo",
        "StepRetried outer/flaky",
        "StepSucceeded outer/flaky/undo"
      ])
      expect(seen).toEqual([2])
    })
  )

  it.effect("is undone before the resources of the attempt are released", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const note = (text: string) => Effect.sync(() => void seen.push(text))
      const nested = make("nested").pipe(step(pass("one").pipe(Step.undo(() => note("undone")))))
      const failing = Step.make("failing", () =>
        Effect.gen(function* () {
          yield* Effect.acquireRelease(note("acquired"), () => note("released"))
          yield* run(nested, {})
          return yield* Effect.fail("no")
        })
      ).pipe(Step.retry(Schedule.recurs(1)))
      yield* watch(make("outer").pipe(step(failing)))
      const once = ["acquired", "undone", "released"]
      expect(seen).toEqual([...once, ...once])
    })
  )
})

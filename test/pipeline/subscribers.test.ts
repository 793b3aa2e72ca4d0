import { describe, expect } from "bun:test"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../support/effect.ts"
import { inTime, never, pass } from "./watch.ts"

const { make, run, step } = Pipeline

describe("Pipeline.on", () => {
  const begin = make("p").pipe(step(pass("a")), Pipeline.pipeline(make("inner").pipe(step(pass("b")))))

  it.effect("calls the handler for every event with the tag, including the run's own, in order", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const record = ({ path }: { readonly path: string }) => Effect.sync(() => seen.push(path))
      const p = begin.pipe(
        Pipeline.on("RunStarted", record),
        Pipeline.on("StepStarted", record),
        Pipeline.on("RunSucceeded", record)
      )
      yield* inTime(run(p, {}))
      expect(seen.toSorted()).toEqual(["p", "p", "p/a", "p/inner", "p/inner/b"])
    })
  )

  it.effect("calls the handler only for the nodes of its own pipeline, nested or in a forEach", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const listening = make<{ readonly item?: string }>("inner").pipe(
        step(pass("b")),
        Pipeline.on("StepStarted", ({ path }) => Effect.sync(() => seen.push(path)))
      )
      const p = make("p").pipe(
        step(pass("a")),
        Pipeline.pipeline(listening),
        step(pass("inner2")),
        Pipeline.forEach({ name: "all", as: "item", items: () => ["x", "y/z"], key: String, body: listening })
      )
      yield* inTime(run(p, {}))
      expect(seen).toEqual(["p/inner", "p/inner/b", "p/all[x]", "p/all[x]/b", "p/all[y%2Fz]", "p/all[y%2Fz]/b"])
    })
  )

  it.effect("warns once when the handler fails, still passes it the next event, and does not fail the run", () =>
    Effect.gen(function* () {
      let times = 0
      const broken = Pipeline.on("StepSucceeded", () =>
        Effect.andThen(
          Effect.sync(() => times++),
          Effect.die("broken")
        )
      )
      const noted = Pipeline.on("StepNoted", () => Effect.sync(() => times++).pipe(Effect.andThen(Effect.fail("no"))))
      const { exit, lines } = yield* inTime(
        run(begin.pipe(broken, noted, step(Step.make("c", () => Effect.sleep(9)))), {})
      )
      expect(exit._tag).toBe("Success")
      expect(lines.filter((text) => text.startsWith("StepNoted"))).toEqual([
        "StepNoted p: The handler of StepSucceeded failed, but still receives later events: broken",
        "StepNoted p: The handler of StepNoted failed, but still receives later events: no"
      ])
      expect(times).toBe(4 + 2)
      expect(lines.at(-1)).toBe("RunSucceeded p")
    })
  )

  it.effect("warns with the file and line when the handler throws", () =>
    Effect.gen(function* () {
      const broken = Pipeline.on("StepSucceeded", () =>
        Effect.sync(() => {
          throw new Error("by will\nand more")
        })
      )
      const { lines } = yield* inTime(run(begin.pipe(broken, step(Step.make("c", () => Effect.sleep(9)))), {}))
      const noted = lines
        .filter((text) => text.startsWith("StepNoted"))
        .map((text) => text.replace(import.meta.path, "FILE"))
      expect(noted).toEqual([
        expect.stringMatching(
          /^StepNoted p: The handler of StepSucceeded failed \(at FILE:\d+\), but still receives later events: by will$/
        )
      ])
    })
  )

  it.effect("does not wait for a slow handler, except for two seconds at the end", () =>
    Effect.gen(function* () {
      let seen = 0
      const slow = Pipeline.on("StepStarted", () =>
        Effect.andThen(
          Effect.sleep("1500 millis"),
          Effect.sync(() => seen++)
        )
      )
      const stuck = Pipeline.on("StepStarted", () => Effect.uninterruptible(Effect.never))
      const ended = yield* Deferred.make<void>()
      const whole = run(begin.pipe(slow, stuck), {}).pipe(Effect.andThen(Deferred.succeed(ended, undefined)))
      const { events } = yield* inTime(whole)
      expect(events.at(-1)).toMatchObject({ _tag: "RunSucceeded", millis: 0 })
      expect(yield* Deferred.isDone(ended)).toBe(true)
      expect(seen).toBe(1)
    })
  )

  it.effect("calls the handler for an interruption", () =>
    Effect.gen(function* () {
      let seen = 0
      const p = make("p").pipe(
        step(never("a")),
        Pipeline.on("RunInterrupted", () => Effect.sync(() => seen++))
      )
      yield* inTime(
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(run(p, {}), { startImmediately: true })
          yield* TestClock.adjust("1 second")
          yield* Fiber.interrupt(fiber)
        })
      )
      expect(seen).toBe(1)
    })
  )
})

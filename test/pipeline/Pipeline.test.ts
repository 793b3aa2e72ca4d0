import { describe, expect } from "bun:test"
import { Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Resource from "../../src/core/Resource.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { it } from "../support/effect.ts"
import { Broken, fail, hold, never, pass, watched } from "./watch.ts"

const isResource = (text: string) => text.startsWith("Resource")

describe("Pipeline.run", () => {
  it.effect("passes what its steps add to the next ones, and publishes the events of each node in order", () =>
    Effect.gen(function* () {
      const count = Step.make("count", (state: { readonly text: string }) =>
        Effect.succeed({ length: state.text.length })
      )
      const twice = Step.make("twice", (state: { readonly length: number }) =>
        Effect.succeed({ double: state.length * 2 })
      )
      const whole = Pipeline.make<{ text: string }>("whole").pipe(Pipeline.step(count), Pipeline.step(twice))
      const { exit, events, lines } = yield* watched(run(whole, { text: "four" }))
      expect(yield* exit).toEqual({ text: "four", length: 4, double: 8 })
      expect(lines).toEqual([
        "RunStarted whole",
        "StepStarted whole/count",
        "StepSucceeded whole/count",
        "StepStarted whole/twice",
        "StepSucceeded whole/twice",
        "RunSucceeded whole"
      ])
      expect(events.map((event) => event.seq)).toEqual([1, 2, 3, 4, 5, 6])
      expect(new Set(events.map((event) => event.run)).size).toBe(1)
    })
  )

  it.effect("releases in reverse order before its last event when it succeeds", () =>
    Effect.gen(function* () {
      const inner = Pipeline.make("inner").pipe(Pipeline.step(hold("b")), Pipeline.step(hold("c")))
      const { lines } = yield* watched(
        run(Pipeline.make("p").pipe(Pipeline.step(hold("a")), Pipeline.pipeline(inner), Pipeline.step(pass("d"))), {})
      )
      expect(lines.filter((text) => isResource(text) || text.includes("inner ") || text.endsWith("/d"))).toEqual([
        "ResourceAcquired p/a: a",
        "ResourceAcquired p/inner/b: b",
        "ResourceAcquired p/inner/c: c",
        "ResourceReleased p/inner/c: c",
        "ResourceReleased p/inner/b: b",
        "StepStarted p/d",
        "StepSucceeded p/d",
        "ResourceReleased p/a: a"
      ])
      expect(lines.at(-1)).toBe("RunSucceeded p")
    })
  )

  it.effect("releases when a step fails, and does not run the next steps", () =>
    Effect.gen(function* () {
      const p = Pipeline.make("p").pipe(Pipeline.step(hold("a")), Pipeline.step(fail("b")), Pipeline.step(pass("c")))
      const { exit, lines } = yield* watched(run(p, {}))
      expect(exit._tag).toBe("Failure")
      expect(lines.slice(-4)).toEqual([
        "StepStarted p/b",
        "StepFailed p/b: b broke.",
        "ResourceReleased p/a: a",
        "RunFailed p: b broke."
      ])
    })
  )

  it.effect("releases when it is interrupted, and publishes an interruption for every running node", () =>
    Effect.gen(function* () {
      const inner = Pipeline.make("inner").pipe(Pipeline.step(hold("b")), Pipeline.step(never("c")))
      const p = Pipeline.make("p").pipe(Pipeline.step(hold("a")), Pipeline.pipeline(inner))
      const interrupted = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(run(p, {}))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
      })
      const { lines } = yield* watched(interrupted)
      expect(lines.slice(-5)).toEqual([
        "StepInterrupted p/inner/c",
        "ResourceReleased p/inner/b: b",
        "StepInterrupted p/inner",
        "ResourceReleased p/a: a",
        "RunInterrupted p"
      ])
    })
  )

  it.effect("gives up on a release that hangs, and still releases the other resources", () =>
    Effect.gen(function* () {
      const stuck = Step.make("stuck", () => Resource.acquire("stuck", Effect.succeed({}), () => Effect.never))
      const p = Pipeline.make("p").pipe(Pipeline.step(hold("a")), Pipeline.step(stuck))
      const fiber = yield* Effect.forkChild(watched(run(p, {})))
      yield* TestClock.adjust("1 minute")
      const { events } = yield* Fiber.join(fiber)
      const released = events.flatMap((event) => (event._tag === "ResourceReleased" ? [event] : []))
      expect(released.map(({ resource, clean }) => [resource, clean])).toEqual([
        ["stuck", false],
        ["a", true]
      ])
    })
  )

  it.effect("publishes why a step was skipped, and keeps what it added", () =>
    Effect.gen(function* () {
      const skipping = Step.make("pull", () => Effect.succeed(Step.skip("it is there", { image: "a" })))
      const { exit, lines } = yield* watched(run(Pipeline.make("p").pipe(Pipeline.step(skipping)), {}))
      expect(yield* exit).toEqual({ image: "a" })
      expect(lines[2]).toBe("StepSkipped p/pull: it is there")
    })
  )

  it.effect("publishes the result of a step, encoded with its schema", () =>
    Effect.gen(function* () {
      const Result = Schema.Struct({ at: Schema.DateTimeUtcFromString })
      const result = yield* Schema.decodeEffect(Result)({ at: "2026-01-02T03:04:05.000Z" })
      const step = Step.make("make", () => Effect.succeed(result), { result: Result })
      const { events } = yield* watched(run(Pipeline.make("p").pipe(Pipeline.step(step)), {}))
      expect(events[2]).toMatchObject({ _tag: "StepSucceeded", result: { at: "2026-01-02T03:04:05.000Z" } })
    })
  )

  it.effect("reports a defect with its location", () =>
    Effect.gen(function* () {
      const p = Pipeline.make("p").pipe(Pipeline.step(Step.make("die", () => Effect.die(new Error("boom")))))
      const { events } = yield* watched(run(p, {}))
      expect(events[2]).toMatchObject({
        _tag: "StepFailed",
        failures: [{ tag: "Defect", message: expect.stringMatching(/^boom \(at \/.*\/Pipeline\.test\.ts:\d+\)$/) }]
      })
    })
  )
})

describe("Pipeline.parallel", () => {
  it.effect("runs its branches at the same time and merges what they add", () =>
    Effect.gen(function* () {
      const wait = (name: string) => Step.make(name, () => Effect.sleep("1 second").pipe(Effect.as({ [name]: true })))
      const p = Pipeline.make("p").pipe(Pipeline.parallel(wait("a"), Pipeline.make("q").pipe(Pipeline.step(wait("b")))))
      const fiber = yield* Effect.forkChild(watched(run(p, {})))
      yield* TestClock.adjust("1 second")
      const { exit, events } = yield* Fiber.join(fiber)
      expect(yield* exit).toEqual({ a: true, b: true })
      expect(events.at(-1)).toMatchObject({ _tag: "RunSucceeded", millis: 1000 })
    })
  )

  it.effect("interrupts the other branches when one fails, and releases their resources", () =>
    Effect.gen(function* () {
      const slow = Pipeline.make("slow").pipe(Pipeline.step(hold("a")), Pipeline.step(never("b")))
      const p = Pipeline.make("p").pipe(Pipeline.parallel(slow, fail("c")))
      const { lines } = yield* watched(run(p, {}))
      expect(lines.slice(-5)).toEqual([
        "StepFailed p/c: c broke.",
        "StepInterrupted p/slow/b",
        "ResourceReleased p/slow/a: a",
        "StepInterrupted p/slow",
        "RunFailed p: c broke."
      ])
    })
  )
})

describe("Pipeline.forEach", () => {
  const over = (items: ReadonlyArray<string>, strategy: Strategy.Strategy) =>
    Pipeline.make("p").pipe(
      Pipeline.forEach({
        name: "servers",
        as: "server",
        items: () => items,
        key: (server) => server,
        strategy,
        collect: { as: "all", value: ({ done }) => done },
        body: Pipeline.make<{ readonly server: string }>("server").pipe(
          Pipeline.step(
            Step.make(
              "work",
              Effect.fnUntraced(function* ({ server }: { readonly server: string }) {
                yield* Effect.sleep("1 second")
                if (server.startsWith("bad")) return yield* new Broken({ what: server })
                return { done: server.toUpperCase() }
              })
            )
          )
        )
      })
    )

  const after = (items: ReadonlyArray<string>, strategy: Strategy.Strategy) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(watched(run(over(items, strategy), {})))
      yield* TestClock.adjust("1 minute")
      return yield* Fiber.join(fiber)
    })

  it.effect("has the key of the item in each path, and collects values in the order of the items", () =>
    Effect.gen(function* () {
      const { exit, lines, events } = yield* after(["a", "b"], Strategy.parallel())
      expect((yield* exit).all).toEqual(["A", "B"])
      expect(lines).toContain("StepSucceeded p/servers[b]/work")
      expect(events.at(-1)).toMatchObject({ millis: 1000 })
    })
  )

  it.effect("runs no more items at a time than its strategy allows", () =>
    Effect.gen(function* () {
      const { events } = yield* after(["a", "b", "c", "d"], Strategy.parallel({ concurrency: 2 }))
      expect(events.at(-1)).toMatchObject({ _tag: "RunSucceeded", millis: 2000 })
    })
  )

  it.effect("finishes the other items when one fails, and fails with all failures", () =>
    Effect.gen(function* () {
      const { lines } = yield* after(["bad1", "a", "bad2"], Strategy.parallel())
      expect(lines).toContain("StepSucceeded p/servers[a]")
      expect(lines.at(-1)).toBe("RunFailed p: bad1 broke. bad2 broke.")
    })
  )

  it.effect("starts no more items after a failure with onFailure stop, and publishes why", () =>
    Effect.gen(function* () {
      const { lines } = yield* after(["bad", "a"], Strategy.rolling({ batch: 1 }))
      expect(lines).toContain("StepSkipped p/servers[a]: not started because bad failed")
      expect(lines).not.toContain("StepStarted p/servers[a]/work")
      expect(lines.at(-1)).toBe("RunFailed p: bad broke.")
    })
  )
})

import { describe, expect } from "bun:test"
import { Effect, Fiber } from "effect"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { it } from "../support/effect.ts"
import { Broken, fail, inTime } from "./watch.ts"

const { forEach, make, run, step } = Pipeline

/** An item is `NAME:SECONDS`. It takes that long, and fails at the end if its name begins with bad. */
const work = Step.make(
  "work",
  Effect.fnUntraced(function* ({ item }: { readonly item: string }) {
    const [name = "", seconds = "1"] = item.split(":")
    yield* Effect.sleep(Number(seconds) * 1000)
    if (name.startsWith("bad")) return yield* new Broken({ what: name })
    return {}
  })
).pipe(Step.undo(() => Effect.sleep("1 second")))

const over = (strategy: Strategy.Strategy, ...items: ReadonlyArray<string>) =>
  make("p").pipe(
    forEach({
      name: "all",
      as: "item",
      items: () => items,
      key: (item) => item.split(":")[0] ?? "",
      strategy,
      body: make<{ readonly item: string }>("each").pipe(step(work))
    })
  )

/** Returns when each item started, in seconds, and which items were skipped or undone. */
const story = Effect.fnUntraced(function* (strategy: Strategy.Strategy, ...items: ReadonlyArray<string>) {
  const { events, lines } = yield* inTime(run(over(strategy, ...items), {}))
  const from = events[0]?.time ?? 0
  const key = (path: string) => /\[(.*)\]/.exec(path)?.[1] ?? ""
  const of = (tag: string, end: string) => events.filter(({ _tag, path }) => _tag === tag && path.endsWith(end))
  return {
    started: Object.fromEntries(of("StepStarted", "/work").map(({ path, time }) => [key(path), (time - from) / 1000])),
    skipped: of("StepSkipped", "]").map(({ path }) => key(path)),
    undone: of("StepSucceeded", "/undo").map(({ path }) => key(path)),
    end: lines.at(-1)
  }
})

describe("the items of a forEach", () => {
  it.effect("run up to the given concurrency, and the next starts as soon as one ends (parallel)", () =>
    Effect.gen(function* () {
      const { started } = yield* story(Strategy.parallel({ concurrency: 2 }), "a:1", "b:5", "c:1", "d:1")
      expect(started).toEqual({ a: 0, b: 0, c: 1, d: 2 })
    })
  )

  it.effect("wait for all items of the previous batch (rolling)", () =>
    Effect.gen(function* () {
      const { started } = yield* story(Strategy.rolling({ batch: 2 }), "a:1", "b:5", "c:1", "d:1", "e:1")
      expect(started).toEqual({ a: 0, b: 0, c: 5, d: 5, e: 6 })
    })
  )

  it.effect("wait for the first ones, then run with the other strategy (canary)", () =>
    Effect.gen(function* () {
      const rolling = Strategy.canary({ first: 1, rest: Strategy.rolling({ batch: 2 }) })
      expect((yield* story(rolling, "a:3", "b", "c", "d")).started).toEqual({ a: 0, b: 3, c: 3, d: 4 })
      expect((yield* story(Strategy.canary({ first: 2 }), "a", "b:2", "c", "d")).started).toEqual({
        a: 0,
        b: 0,
        c: 2,
        d: 2
      })
    })
  )

  it.effect("do not start after a failure with onFailure stop, and completed ones are not undone", () =>
    Effect.gen(function* () {
      expect(yield* story(Strategy.rolling({ batch: 2 }), "a", "bad", "c", "d")).toEqual({
        started: { a: 0, bad: 0 },
        skipped: ["c", "d"],
        undone: [],
        end: "RunFailed p: bad broke."
      })
    })
  )

  it.effect("continue after a failure with onFailure continue, and completed ones are not undone", () =>
    Effect.gen(function* () {
      expect(yield* story(Strategy.rolling({ onFailure: "continue" }), "a", "bad", "c")).toEqual({
        started: { a: 0, bad: 1, c: 2 },
        skipped: [],
        undone: [],
        end: "RunFailed p: bad broke."
      })
    })
  )

  it.effect("are undone in reverse order after a failure with onFailure undo, once the running ones have ended", () =>
    Effect.gen(function* () {
      const strategy = Strategy.parallel({ concurrency: 3, onFailure: "undo" })
      expect(yield* story(strategy, "a:1", "bad:2", "c:3", "d:4", "e")).toEqual({
        started: { a: 0, bad: 0, c: 0, d: 1 },
        skipped: ["e"],
        undone: ["d", "c", "a"],
        end: "RunFailed p: bad broke."
      })
    })
  )

  it.effect("do not start after a canary fails, whatever the other strategy's onFailure is", () =>
    Effect.gen(function* () {
      const onward = Strategy.canary({ first: 2, rest: Strategy.parallel({ onFailure: "continue" }) })
      expect(yield* story(onward, "a", "bad", "c")).toMatchObject({ skipped: ["c"], undone: [] })
      const back = Strategy.canary({ first: 2, rest: Strategy.parallel({ onFailure: "undo" }) })
      expect(yield* story(back, "a", "bad", "c")).toMatchObject({ skipped: ["c"], undone: ["a"] })
    })
  )

  it.effect("continue with onFailure continue after a failure that is not a canary's", () =>
    Effect.gen(function* () {
      const onward = Strategy.canary({ rest: Strategy.rolling({ onFailure: "continue" }) })
      expect((yield* story(onward, "a", "bad", "c")).started).toEqual({ a: 0, bad: 1, c: 2 })
    })
  )

  it.effect("are undone when a later step fails or the run is interrupted", () =>
    Effect.gen(function* () {
      const strategy = Strategy.rolling()
      const later = yield* inTime(run(over(strategy, "a", "b").pipe(step(fail("c"))), {}))
      const undos = (lines: ReadonlyArray<string>) => lines.filter((text) => /^StepSucceeded .*undo/.test(text))
      expect(undos(later.lines)).toEqual(["StepSucceeded p/all[b]/work/undo", "StepSucceeded p/all[a]/work/undo"])
      const among = yield* inTime(
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(run(over(strategy, "a", "b:9"), {}))
          yield* Effect.sleep("2 seconds")
          yield* Fiber.interrupt(fiber)
        })
      )
      expect(undos(among.lines)).toEqual(["StepSucceeded p/all[a]/work/undo"])
      expect(among.lines.at(-1)).toBe("RunInterrupted p")
    })
  )

  it.effect("are all undone even if the run is interrupted meanwhile", () =>
    Effect.gen(function* () {
      const { lines } = yield* inTime(
        Effect.gen(function* () {
          const strategy = Strategy.parallel({ onFailure: "undo" })
          const fiber = yield* Effect.forkChild(run(over(strategy, "a", "b", "bad", "c"), {}))
          // All items have ended after 1 s, and each undo takes another second.
          yield* Effect.sleep("1500 millis")
          yield* Fiber.interrupt(fiber)
        })
      )
      expect(lines.filter((text) => /^StepSucceeded .*undo/.test(text))).toHaveLength(3)
    })
  )

  it.effect("with the same key get a number", () =>
    Effect.gen(function* () {
      const { started } = yield* story(Strategy.parallel(), "a", "a", "a#2")
      expect(Object.keys(started)).toEqual(["a", "a#2", "a#2#2"])
    })
  )

  it.effect("can be none", () =>
    Effect.gen(function* () {
      for (const strategy of [Strategy.parallel(), Strategy.rolling(), Strategy.canary()]) {
        expect((yield* story(strategy)).end).toBe("RunSucceeded p")
      }
    })
  )
})

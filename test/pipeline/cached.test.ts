import { describe, expect, test } from "bun:test"
import { Effect, Layer, Redacted, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Events } from "../../src/core/Events.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import { CurrentStepCache, type Entry, memoryCache, type StepCache, UseStepCache } from "../../src/core/StepCache.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../support/effect.ts"
import { Broken, fail, watched } from "./watch.ts"

const { make, step } = Pipeline

interface Input {
  readonly tag: string
}
const byTag = ({ tag }: Input) => tag

/** A step that counts how often it runs, and a pipeline of it. */
const counted = (options: { readonly within?: "1 hour" } = {}) => {
  const ran: Array<string> = []
  const build = Step.make(
    "build",
    ({ tag }: Input) => Effect.sync(() => ({ image: `shop:${tag}`, size: ran.push(tag) })),
    { result: Schema.Struct({ image: Schema.String, size: Schema.Int }) }
  )
  const cached = build.pipe(Step.cached({ key: byTag, ...options }))
  return { ran, cached, p: make<Input>("p").pipe(step(cached)) }
}

/** Runs a pipeline with a cache. */
const over = <S, E>(cache: StepCache, pipeline: Pipeline.Pipeline<Input, S, E, Events>, tag = "v1") =>
  watched(Effect.provideService(run(pipeline, { tag }), CurrentStepCache, cache))
const notes = (lines: ReadonlyArray<string>) => lines.flatMap((line) => line.match(/(?<=^StepNoted p\/\S+: ).*/) ?? [])

/** A cache, and its entries. */
const watchedCache = () => {
  const entries = new Map<string, Entry>()
  const cache: StepCache = {
    read: (id) => Effect.sync(() => entries.get(id)),
    write: (id, entry) => Effect.sync(() => void entries.set(id, entry)),
    forget: (id) => Effect.sync(() => void entries.delete(id))
  }
  return { cache, entries }
}

describe("Step.cached", () => {
  it.effect("skips the step if an earlier run has stored its result under the same key", () =>
    Effect.gen(function* () {
      const { p, ran } = counted()
      const cache = memoryCache()
      yield* over(cache, p)
      yield* TestClock.adjust("90 seconds")
      const { events, exit, lines } = yield* over(cache, p)
      expect(yield* exit).toEqual({ tag: "v1", image: "shop:v1", size: 1 })
      expect(lines).toEqual([
        "RunStarted p",
        "StepStarted p/build",
        "StepSkipped p/build: cached 1 min 30 s ago",
        "RunSucceeded p"
      ])
      expect(events.find(({ _tag }) => _tag === "StepSkipped")).toMatchObject({ result: { image: "shop:v1", size: 1 } })
      expect(ran).toEqual(["v1"])
      yield* over(cache, p, "v2")
      expect(ran).toEqual(["v1", "v2"])
    })
  )

  it.effect("runs the step if there is no cache", () =>
    Effect.gen(function* () {
      const { p, ran } = counted()
      yield* watched(run(p, { tag: "v1" }))
      yield* watched(run(p, { tag: "v1" }))
      expect(ran).toHaveLength(2)
    })
  )

  it.effect("does not use a result that is too old, or from the future", () =>
    Effect.gen(function* () {
      const { p, ran } = counted({ within: "1 hour" })
      const { cache, entries } = watchedCache()
      yield* over(cache, p)
      yield* TestClock.adjust("1 hour")
      yield* over(cache, p)
      expect(ran).toHaveLength(1)
      yield* TestClock.adjust("1 millis")
      yield* over(cache, p)
      expect(ran).toHaveLength(2)
      for (const [id, entry] of entries) entries.set(id, { ...entry, storedAt: entry.storedAt + 1 })
      yield* over(cache, p)
      expect(ran).toHaveLength(3)
    })
  )

  it.effect("stores new results, but uses none, if the cache is not to be used", () =>
    Effect.gen(function* () {
      const { p, ran } = counted()
      const cache = memoryCache()
      yield* over(cache, p)
      yield* Effect.provideService(over(cache, p), UseStepCache, false)
      const { exit } = yield* over(cache, p)
      expect(ran).toHaveLength(2)
      expect(yield* exit).toMatchObject({ size: 2 })
    })
  )

  it.effect("ignores an entry that is damaged or does not fit the schema, and replaces it", () =>
    Effect.gen(function* () {
      for (const body of ["{", "null", '{"image":5}', "{}", ""]) {
        const { p, ran } = counted()
        const { cache, entries } = watchedCache()
        yield* over(cache, p)
        for (const [id, entry] of entries) entries.set(id, { ...entry, body })
        yield* over(cache, p)
        expect(ran).toHaveLength(2)
        yield* over(cache, p)
        expect(ran).toHaveLength(2)
      }
    })
  )

  it.effect("keeps the results of steps and items apart", () =>
    Effect.gen(function* () {
      const ran: Array<string> = []
      const named = <const Name extends string>(name: Name) =>
        Step.make(name, ({ tag }: Input) => Effect.sync(() => ({ n: ran.push(`${name} ${tag}`) })), {
          result: Schema.Struct({ n: Schema.Int })
        }).pipe(Step.cached({ key: () => "same" }))
      const body = make<Input>("body").pipe(step(named("a")), step(named("b")))
      const p = make<Input>("p").pipe(
        Pipeline.forEach({ name: "each", as: "tag", items: () => ["x", "y"], key: (tag) => tag, body })
      )
      const cache = memoryCache()
      yield* over(cache, p)
      expect(ran).toHaveLength(4)
      yield* over(cache, p)
      expect(ran).toHaveLength(4)
    })
  )

  it.effect("does not store the result of a step that failed or was skipped", () =>
    Effect.gen(function* () {
      const result = Schema.Struct({ n: Schema.Int })
      const { cache, entries } = watchedCache()
      const broken = Step.make("a", () => Effect.fail(new Broken({ what: "a" })).pipe(Effect.as({ n: 1 })), { result })
      yield* over(cache, make<Input>("p").pipe(step(broken.pipe(Step.cached({ key: () => "" })))))
      const skips = Step.make("a", () => Effect.succeed(Step.skip<{ readonly n: number }>("nothing to do", { n: 1 })), {
        result
      })
      yield* over(cache, make<Input>("p").pipe(step(skips.pipe(Step.cached({ key: () => "" })))))
      const off = Step.make("a", () => Effect.succeed({ n: 1 }), { result }).pipe(
        Step.skipWhen(() => "off"),
        Step.cached({ key: () => "" })
      )
      yield* over(cache, make<Input>("p").pipe(step(off)))
      expect(entries.size).toBe(0)
    })
  )

  it.effect("stores what the last attempt of a retried step has returned", () =>
    Effect.gen(function* () {
      let attempts = 0
      const flaky = Step.make(
        "flaky",
        () => (++attempts === 1 ? Effect.fail(new Broken({ what: "it" })) : Effect.succeed({ attempts })),
        { result: Schema.Struct({ attempts: Schema.Int }) }
      )
      for (const wrapped of [
        flaky.pipe(Step.retry(Schedule.recurs(1)), Step.cached({ key: byTag })),
        flaky.pipe(Step.cached({ key: byTag }), Step.retry(Schedule.recurs(1)))
      ]) {
        attempts = 0
        const cache = memoryCache()
        const p = make<Input>("p").pipe(step(wrapped))
        yield* over(cache, p)
        const { exit } = yield* over(cache, p)
        expect(yield* exit).toMatchObject({ attempts: 2 })
        expect(attempts).toBe(2)
      }
    })
  )

  it.effect("removes the result when the step is undone, and does not undo a cached one", () =>
    Effect.gen(function* () {
      const { cached, ran } = counted()
      const undone: Array<string> = []
      const undoable = cached.pipe(
        Step.undo(({ image }: { readonly image: string }) => Effect.sync(() => void undone.push(image)))
      )
      const good = make<Input>("p").pipe(step(undoable))
      const bad = good.pipe(step(fail("end")))
      const { cache, entries } = watchedCache()
      yield* over(cache, bad)
      expect([undone, entries.size]).toEqual([["shop:v1"], 0])
      yield* over(cache, good)
      expect([ran.length, entries.size]).toEqual([2, 1])
      yield* over(cache, bad)
      expect([ran.length, undone.length, entries.size]).toEqual([2, 1, 1])
    })
  )

  it.effect("removes the result when a run that the step has started, or the pipeline around it, is undone", () =>
    Effect.gen(function* () {
      const inner = make("inner").pipe(step(Step.make("b", () => Effect.void).pipe(Step.undo(() => Effect.void))))
      const outer = Step.make("a", () => Effect.as(run(inner, {}), { n: 1 }), {
        result: Schema.Struct({ n: Schema.Int })
      }).pipe(Step.cached({ key: byTag }))
      const { cached } = counted()
      const undoable = make<Input, "around">("around").pipe(
        step(cached),
        Pipeline.undo(() => Effect.void)
      )
      const caller = Step.make("caller", ({ tag }: Input) => run(make<Input>("nested").pipe(step(cached)), { tag }))
      const entriesAfter = (p: Pipeline.Pipeline<Input, unknown, unknown, Events>) => {
        const { cache, entries } = watchedCache()
        // Not watched, because a nested run has a last event of its own.
        return Effect.exit(run(p, { tag: "v1" })).pipe(
          Effect.provideService(CurrentStepCache, cache),
          Effect.provide(Events.layer.pipe(Layer.provide(Scrubber.layer))),
          Effect.map(() => entries.size)
        )
      }
      const undoneCaller = caller.pipe(Step.undo(() => Effect.void))
      const cases: ReadonlyArray<readonly [p: Pipeline.Pipeline<Input, {}, never, Events>, kept: number]> = [
        [make<Input>("p").pipe(step(outer)), 0],
        [make<Input>("p").pipe(Pipeline.pipeline(undoable)), 0],
        [make<Input>("p").pipe(step(undoneCaller)), 0],
        // Nothing undoes these.
        [make<Input>("p").pipe(step(cached)), 1],
        [make<Input>("p").pipe(step(caller)), 1]
      ]
      for (const [p, kept] of cases) {
        expect(yield* entriesAfter(p)).toBe(1)
        expect(yield* entriesAfter(p.pipe(step(fail("end"))))).toBe(kept)
      }
    })
  )

  it.effect("never stores a secret, nor uses a result in which one is known by now", () =>
    Effect.gen(function* () {
      const secret = 'p"ss\\word-1234'
      const text = Step.make("text", ({ tag }: Input) => Effect.succeed({ lines: [`log in with ${tag}`] }), {
        result: Schema.Struct({ lines: Schema.mutable(Schema.Array(Schema.String)) })
      }).pipe(Step.cached({ key: () => "" }))
      const learn = Step.make(
        "learn",
        Effect.fnUntraced(function* () {
          ;(yield* Scrubber).add(Redacted.make(secret))
        })
      )
      const knows = make<Input>("p").pipe(step(learn), step(text))
      const { cache, entries } = watchedCache()
      // The layers of `watched` include the scrubber.
      const runs = (p: Pipeline.Pipeline<Input, object, never, Scrubber>) =>
        watched(Effect.provideService(run(p, { tag: secret }), CurrentStepCache, cache) as never)
      const { lines } = yield* runs(knows)
      expect(entries.size).toBe(0)
      expect(notes(lines)).toEqual(["its result is not cached: it contains a secret"])
      yield* runs(make<Input>("p").pipe(step(text)))
      expect(entries.size).toBe(1)
      const later = yield* runs(knows)
      expect(later.lines).toContain("StepSucceeded p/text")
      expect(entries.size).toBe(0)
    })
  )

  it.effect("says why a result is not stored", () =>
    Effect.gen(function* () {
      const { cache, entries } = watchedCache()
      const at = Step.make("at", () => Effect.succeed({ at: new Date(0) }), {
        result: Schema.Struct({ at: Schema.Date })
      })
      const dated = yield* over(cache, make<Input>("p").pipe(step(at.pipe(Step.cached({ key: byTag })))))
      expect(notes(dated.lines)).toEqual(["its result is not cached: its schema does not encode it as JSON"])
      const big = Step.make("big", () => Effect.succeed({ text: "x".repeat(1024 * 1024) }), {
        result: Schema.Struct({ text: Schema.String })
      })
      const large = yield* over(cache, make<Input>("p").pipe(step(big.pipe(Step.cached({ key: byTag })))))
      expect(notes(large.lines)).toEqual(["its result is not cached: it is larger than 1.0 MB"])
      expect(entries.size).toBe(0)
    })
  )

  it.effect("fails if the key is not a string", () =>
    Effect.gen(function* () {
      const { cached } = counted()
      // Without type checking.
      const wrong = cached.pipe(Step.cached({ key: () => 5 as unknown as string }))
      const { lines } = yield* over(memoryCache(), make<Input>("p").pipe(step(wrong)))
      expect(lines.at(-1)).toContain('The cache key of the step "build" returned 5, not a string')
    })
  )

  test("needs a result schema", () => {
    const plain = Step.make("plain", () => Effect.void)
    expect(() => plain.pipe(Step.cached({ key: () => "" }))).toThrow('The step "plain" cannot be cached')
  })

  test("is described and drawn", () => {
    const { p } = counted()
    expect(Pipeline.describe(p)).toMatchObject({ nodes: [{ wrappers: [{ _tag: "Cached" }] }] })
    expect(Pipeline.toMermaid(p)).toContain('["build, cached"]')
  })
})

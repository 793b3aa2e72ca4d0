import { describe, expect } from "bun:test"
import { Context, Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { Events } from "../../src/core/Events.ts"
import { HeldResources } from "../../src/core/NameTracker.ts"
import * as Resource from "../../src/core/Resource.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { it } from "../support/effect.ts"
import { untilEffect } from "../support/waiting.ts"
import { Broken, fail, inTime, pass, watched } from "./watch.ts"

const { make, run, step } = Pipeline

const note = (text: string) =>
  Effect.flatMap(Events, ({ publish }) => publish({ _tag: "StepNoted", level: "info", text }))

/** A step that leaves work in the background. */
const leaves = <const Name extends string, A, E, R>(name: Name, work: Effect.Effect<A, E, R>) =>
  Step.make(name, () => Step.inBackground(`the tidying of ${name}`, work))

/** Work that ends when the test opens its gate. */
const gated = Effect.map(Deferred.make<void>(), (gate) => {
  const log: Array<string> = []
  const work = Effect.sync(() => log.push("begins")).pipe(
    Effect.andThen(Deferred.await(gate)),
    Effect.andThen(Effect.sync(() => log.push("ends"))),
    Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted")))
  )
  return { log, open: Deferred.succeed(gate, undefined), work }
})

describe("work that a step leaves in the background", () => {
  it.effect("holds up neither its step nor the next one, but the end of the run", () =>
    Effect.gen(function* () {
      const work = Effect.andThen(Effect.sleep("10 seconds"), note("tidied"))
      const { lines } = yield* inTime(run(make("p").pipe(step(leaves("a", work)), step(pass("b"))), {}))
      expect(lines).toEqual([
        "RunStarted p",
        "StepStarted p/a",
        "StepSucceeded p/a",
        "StepStarted p/b",
        "StepSucceeded p/b",
        "StepNoted p/a: tidied",
        "RunSucceeded p"
      ])
    })
  )

  it.effect("does not hold up the next items of a forEach", () =>
    Effect.gen(function* () {
      const each = make<{ readonly item: string }>("each").pipe(step(leaves("a", Effect.sleep("10 seconds"))))
      const all = make("p").pipe(
        Pipeline.forEach({
          name: "all",
          as: "item",
          items: () => ["x", "y", "z"],
          key: (item) => item,
          strategy: Strategy.rolling(),
          body: each
        })
      )
      const { events } = yield* inTime(run(all, {}))
      const from = events[0]?.time ?? 0
      const time = (tag: string) => events.findLast(({ _tag }) => _tag === tag)?.time ?? 0
      expect(time("StepSucceeded") - from).toBe(0)
      expect(time("RunSucceeded") - from).toBe(10_000)
    })
  )

  it.effect("that fails is a warning, and the run succeeds", () =>
    Effect.gen(function* () {
      const failing = leaves("a", Effect.fail(new Broken({ what: "the disk" })))
      const { exit, lines } = yield* inTime(run(make("p").pipe(step(failing)), {}))
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(lines).toContain("StepNoted p/a: the tidying of a failed: the disk broke.")
    })
  )

  it.effect("that dies or is no Effect is a warning, too", () =>
    Effect.gen(function* () {
      // As in a pipeline file, which jiji runs without checking its types.
      const wrong = Effect.flatMap(Effect.void, () => "no effect" as unknown as Effect.Effect<void>)
      for (const work of [Effect.die(new Error("a bug")), wrong]) {
        const { events, exit } = yield* inTime(run(make("p").pipe(step(leaves("a", work))), {}))
        expect(Exit.isSuccess(exit)).toBe(true)
        expect(events.filter((event) => event._tag === "StepNoted" && event.level === "warning")).toHaveLength(1)
      }
    })
  )

  it.effect("goes on when a later step fails, and the run waits for it", () =>
    Effect.gen(function* () {
      const work = Effect.andThen(Effect.sleep("10 seconds"), note("tidied"))
      const { lines } = yield* inTime(run(make("p").pipe(step(leaves("a", work)), step(fail("b"))), {}))
      expect(lines.slice(-2)).toEqual(["StepNoted p/a: tidied", "RunFailed p: b broke."])
    })
  )

  it.effect("is interrupted with the run, and releases what it holds", () =>
    Effect.gen(function* () {
      let isReleased = false
      const started = yield* Deferred.make<void>()
      const work = Effect.gen(function* () {
        yield* Resource.acquire("lock", Effect.void, () => Effect.sync(() => (isReleased = true)))
        yield* Deferred.succeed(started, undefined)
        return yield* Effect.never
      })
      const stuck = Step.make("b", () => Effect.never)
      const fiber = yield* Effect.forkChild(watched(run(make("p").pipe(step(leaves("a", work)), step(stuck)), {})))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      expect(isReleased).toBe(true)
    })
  )

  it.live("is interrupted when the run is interrupted while it waits for it", () =>
    Effect.gen(function* () {
      const { log, work } = yield* gated
      const p = make("p").pipe(step(leaves("a", work)))
      const fiber = yield* Effect.forkChild(run(p, {}).pipe(Effect.provide(layer)))
      yield* untilEffect(() => log.length === 1)
      yield* Fiber.interrupt(fiber)
      expect(log).toEqual(["begins", "interrupted"])
    })
  )

  it.live("is interrupted before its step is undone", () =>
    Effect.gen(function* () {
      const { log, work } = yield* gated
      const undone = leaves("a", work).pipe(Step.undo(() => Effect.sync(() => log.push("undone"))))
      const started = Step.make("b", () => Effect.asVoid(untilEffect(() => log.length === 1)))
      const exit = yield* Effect.exit(
        run(make("p").pipe(step(undone), step(started), step(fail("c"))), {}).pipe(Effect.provide(layer))
      )
      expect(Exit.isFailure(exit)).toBe(true)
      expect(log).toEqual(["begins", "interrupted", "undone"])
    })
  )

  it.live("can still use the layers of the run after all steps have ended", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const services = Layer.effect(
        Engine,
        Effect.acquireRelease(Effect.succeed({ prune: Effect.sync(() => log.push("pruned")) }), () =>
          Effect.sync(() => log.push("released"))
        )
      )
      const { open, work } = yield* gated
      const prune = Effect.andThen(
        work,
        Effect.flatMap(Engine, (engine) => engine.prune)
      )
      const last = Step.make("last", () => Effect.sync(() => void log.push("last")))
      const fiber = yield* Effect.forkChild(
        run(make("p").pipe(step(leaves("a", prune)), step(last)), {}, services).pipe(Effect.provide(layer))
      )
      yield* untilEffect(() => log.includes("last"))
      yield* open
      yield* Fiber.join(fiber)
      expect(log).toEqual(["last", "pruned", "released"])
    })
  )

  it.live("is listed among what a program holds until it has ended", () =>
    Effect.gen(function* () {
      const held = yield* HeldResources
      const { log, open, work } = yield* gated
      const fiber = yield* Effect.forkChild(
        run(make("p").pipe(step(leaves("a", work))), {}).pipe(Effect.provide(layer))
      )
      yield* untilEffect(() => log.length === 1)
      expect(held.names()).toContain("the tidying of a (still running)")
      yield* open
      yield* Fiber.join(fiber)
      expect(held.names()).not.toContain("the tidying of a (still running)")
    })
  )

  it.live("runs at once outside a run", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* Step.inBackground(
        "the tidying",
        Effect.sync(() => log.push("tidied"))
      )
      expect(log).toEqual(["tidied"])
    }).pipe(Effect.provide(layer))
  )
})

const layer = Events.layer.pipe(Layer.provideMerge(Scrubber.layer))

class Engine extends Context.Service<Engine, { readonly prune: Effect.Effect<unknown> }>()("test/Engine") {}

import { describe, expect } from "bun:test"
import { Context, Deferred, Effect, Fiber, Layer, Schedule, Stream } from "effect"
import type { Event } from "../../src/core/Event.ts"
import { Events } from "../../src/core/Events.ts"
import * as NameTracker from "../../src/core/NameTracker.ts"
import { wholeRun } from "../../src/core/runEvents.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { it } from "../support/effect.ts"
import { untilEffect } from "../support/waiting.ts"
import { fail, pass } from "./watch.ts"

const { make, run, step } = Pipeline

/** Runs a pipeline. Returns its events, and the steps that could be undone after it. */
const watch = <S, E>(pipeline: Pipeline.Pipeline<{}, S, E, Events>) =>
  Effect.gen(function* () {
    const stream = yield* (yield* Events).subscribe
    const reader = yield* Effect.forkChild(Stream.runCollect(wholeRun(stream)), { startImmediately: true })
    const exit = yield* Effect.exit(run(pipeline, {}))
    const undoable = (yield* NameTracker.UndoableSteps).names()
    return { exit, undoable, events: [...(yield* Fiber.join(reader))] }
  }).pipe(
    Effect.scoped,
    Effect.provideService(NameTracker.UndoableSteps, NameTracker.make()),
    Effect.provide(Events.layer.pipe(Layer.provideMerge(Scrubber.layer)))
  )

const undosOf = (events: ReadonlyArray<Event>) =>
  events.flatMap((event) => ("kind" in event && event.kind === "undo" ? [`${event._tag} ${event.path}`] : []))
const completed = (events: ReadonlyArray<Event>) =>
  undosOf(events).flatMap((text) => (text.startsWith("StepSucceeded ") ? [text.slice("StepSucceeded ".length)] : []))

const undoable = <const Name extends string>(name: Name) =>
  pass(name).pipe(
    Step.undo(() => Effect.flatMap(Events, ({ publish }) => publish({ _tag: "StepNoted", level: "info", text: name })))
  )
const child = make("child").pipe(step(undoable("one")), step(undoable("two")))
const nest = Step.make("nest", () => run(child, {}))

describe("the undos of a run that a step has started", () => {
  it.effect("run in the place of the step, in reverse order, if the outer run fails later", () =>
    Effect.gen(function* () {
      const outer = make("outer").pipe(step(undoable("first")), step(nest), step(undoable("last")), step(fail("late")))
      const result = yield* watch(outer)
      expect(completed(result.events)).toEqual([
        "outer/last/undo",
        "outer/nest/child/two/undo",
        "outer/nest/child/one/undo",
        "outer/first/undo"
      ])
      // They are events of the outer run, also what they publish themselves.
      const notes = result.events.filter(({ _tag }) => _tag === "StepNoted")
      expect(notes.map(({ path }) => path)).toEqual(completed(result.events))
      const ids = result.events.filter(({ path }) => path.endsWith("/undo")).map((event) => event.run)
      expect(ids.every((id) => id === result.events[0]?.run)).toBe(true)
      expect(result.events.at(-1)?._tag).toBe("RunFailed")
      expect(result.undoable).toEqual([])
    })
  )

  it.effect("do not run if the outer run succeeds, and are forgotten then", () =>
    Effect.gen(function* () {
      const { events, undoable } = yield* watch(make("outer").pipe(step(nest), step(pass("late"))))
      expect(undosOf(events)).toEqual([])
      expect(undoable).toEqual([])
    })
  )

  it.effect("run if the step itself fails later, for every attempt", () =>
    Effect.gen(function* () {
      const small = make("small").pipe(step(undoable("one")))
      const failing = Step.make("failing", () => Effect.andThen(run(small, {}), Effect.fail("no"))).pipe(
        Step.retry(Schedule.recurs(1))
      )
      const { events } = yield* watch(make("outer").pipe(step(failing)))
      expect(completed(events)).toEqual(["outer/failing/small/one/undo", "outer/failing/small/one/undo"])
    })
  )

  it.effect("do not run if the step has an undo of its own", () =>
    Effect.gen(function* () {
      const own = nest.pipe(Step.undo(() => Effect.void))
      const { events, undoable } = yield* watch(make("outer").pipe(step(own), step(fail("late"))))
      expect(completed(events)).toEqual(["outer/nest/undo"])
      expect(undoable).toEqual([])
    })
  )

  it.effect("run through several levels, and only for the items that a forEach undoes", () =>
    Effect.gen(function* () {
      const middle = make("middle").pipe(step(undoable("before")), step(nest))
      const one = Step.make("one", ({ item }: { readonly item: string }) =>
        Effect.andThen(run(middle, {}), item === "b" ? Effect.fail("no") : Effect.void)
      )
      const items = (strategy: Strategy.Strategy) =>
        Pipeline.forEach({
          name: "all",
          as: "item",
          items: () => ["a", "b"],
          key: String,
          strategy,
          body: make<{ readonly item: string }>("item").pipe(step(one))
        })
      const undone = yield* watch(make("outer").pipe(items(Strategy.rolling({ onFailure: "undo" }))))
      const expected = ["child/two/undo", "child/one/undo"].map((path) => `middle/nest/${path}`)
      expect(completed(undone.events)).toEqual(
        ["b", "a"].flatMap((item) =>
          [...expected, "middle/before/undo"].map((path) => `outer/all[${item}]/one/${path}`)
        )
      )
      const kept = yield* watch(make("outer").pipe(items(Strategy.rolling({ onFailure: "stop" }))))
      expect(completed(kept.events)).toEqual(
        ["b"].flatMap((item) => [...expected, "middle/before/undo"].map((path) => `outer/all[${item}]/one/${path}`))
      )
    })
  )

  it.effect("get the layers of their run anew, and what the step has provided", () =>
    Effect.gen(function* () {
      class Machine extends Context.Service<Machine, { readonly number: number }>()("test/Machine") {}
      class User extends Context.Service<User, { readonly name: string }>()("test/User") {}
      const seen: Array<string> = []
      let built = 0
      const layer = Layer.effect(
        Machine,
        Effect.acquireRelease(
          Effect.sync(() => ({ number: ++built })),
          ({ number }) => Effect.sync(() => seen.push(`released ${number}`))
        )
      )
      const use = (what: string) =>
        Effect.gen(function* () {
          seen.push(`${what} ${(yield* Machine).number} as ${(yield* User).name}`)
        })
      const inner = make("inner").pipe(
        step(Step.make("use", () => use("done on")).pipe(Step.undo(() => use("undone on"))))
      )
      const provided = Step.make("provided", () =>
        run(inner, {}, layer).pipe(Effect.provideService(User, { name: "me" }), Effect.asVoid)
      )
      yield* watch(make("outer").pipe(step(provided), step(fail("late"))))
      expect(seen).toEqual(["done on 1 as me", "released 1", "undone on 2 as me", "released 2"])
    })
  )

  it.effect("are forgotten if the nested run ends after the outer one", () =>
    Effect.gen(function* () {
      const end = yield* Deferred.make<void>()
      const tracker = NameTracker.make()
      const slow = make("slow").pipe(step(undoable("one")), step(Step.make("wait", () => Deferred.await(end))))
      let background: Fiber.Fiber<unknown, unknown> | undefined
      const start = Step.make("start", () =>
        Effect.gen(function* () {
          background = yield* Effect.forkDetach(run(slow, {}), { startImmediately: true })
          yield* untilEffect(() => tracker.names().length === 1)
        })
      )
      yield* Effect.gen(function* () {
        yield* Effect.exit(run(make("outer").pipe(step(start), step(fail("late"))), {}))
        yield* Deferred.succeed(end, undefined)
        if (background !== undefined) yield* Fiber.join(background)
        expect(tracker.names()).toEqual([])
      }).pipe(
        Effect.provideService(NameTracker.UndoableSteps, tracker),
        Effect.provide(Events.layer.pipe(Layer.provideMerge(Scrubber.layer)))
      )
    })
  )
})

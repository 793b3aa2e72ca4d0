import { describe, expect } from "bun:test"
import { Effect, Exit, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Event } from "../../src/core/Event.ts"
import { CurrentPath, Events } from "../../src/core/Events.ts"
import * as NameTracker from "../../src/core/NameTracker.ts"
import * as Resource from "../../src/core/Resource.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import { it } from "../support/effect.ts"

const layer = Events.layer.pipe(Layer.provideMerge(Scrubber.layer))

/** Collects a line for every event that is published from now on. */
const watching = Effect.gen(function* () {
  const seen: Array<string> = []
  const stream = yield* (yield* Events).subscribe
  const line = (event: Event) =>
    event._tag === "ResourceReleased"
      ? `released ${event.resource} ${event.clean} ${event.path}`
      : event._tag === "ResourceAcquired"
        ? `acquired ${event.resource} ${event.path}`
        : event._tag
  yield* Effect.forkScoped(
    Stream.runForEach(stream, (event) => Effect.sync(() => seen.push(line(event)))),
    {
      startImmediately: true
    }
  )
  return seen
})

describe("Resource.acquire", () => {
  it.effect("releases the resource when its scope closes, with the path of the acquiring node", () =>
    Effect.gen(function* () {
      const seen = yield* watching
      const log: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const value = yield* Resource.acquire("tunnel", Effect.succeed(5), (held) =>
            Effect.sync(() => log.push(`close ${held}`))
          ).pipe(Effect.provideService(CurrentPath, "deploy/tunnel"))
          log.push(`use ${value}`)
        })
      )
      yield* Effect.yieldNow
      expect(log).toEqual(["use 5", "close 5"])
      expect(seen).toEqual(["acquired tunnel deploy/tunnel", "released tunnel true deploy/tunnel"])
    }).pipe(Effect.provide(layer))
  )

  it.effect("lists the resource as held until it is released, and keeps it listed if the release times out", () =>
    Effect.gen(function* () {
      const held = NameTracker.make()
      const seen: Array<ReadonlyArray<string>> = []
      const look = Effect.sync(() => void seen.push(held.names()))
      const using = Effect.scoped(
        Effect.gen(function* () {
          yield* Resource.acquire("connection", look, () => look)
          yield* Resource.acquire("tunnel", look, () => Effect.never)
          yield* look
        })
      ).pipe(Effect.provideService(NameTracker.HeldResources, held))
      const running = yield* Effect.forkChild(using)
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(running)
      const both = ["connection", "tunnel"]
      expect(seen).toEqual([[], ["connection"], both, both])
      expect(held.names()).toEqual(["tunnel"])
    }).pipe(Effect.provide(layer))
  )

  it.effect("does not release a resource that could not be acquired", () =>
    Effect.gen(function* () {
      const seen = yield* watching
      let released = false
      const release = () => Effect.sync(() => (released = true))
      const exit = yield* Effect.exit(Effect.scoped(Resource.acquire("tunnel", Effect.fail("refused"), release)))
      expect(Exit.isFailure(exit)).toBe(true)
      yield* Effect.yieldNow
      expect([released, seen]).toEqual([false, []])
    }).pipe(Effect.provide(layer))
  )

  it.effect("can be interrupted while acquiring, and does not release then", () =>
    Effect.gen(function* () {
      const seen = yield* watching
      const fiber = yield* Effect.forkChild(
        Effect.scoped(Resource.acquire("tunnel", Effect.never, () => Effect.die("never acquired"))),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
      expect(seen).toEqual([])
    }).pipe(Effect.provide(layer))
  )

  it.effect("releases when the fiber that uses it is interrupted", () =>
    Effect.gen(function* () {
      const seen = yield* watching
      const fiber = yield* Effect.forkChild(
        Effect.scoped(
          Effect.andThen(
            Resource.acquire("tunnel", Effect.succeed(5), () => Effect.void),
            Effect.never
          )
        ),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
      yield* Effect.yieldNow
      expect(seen).toEqual(["acquired tunnel ", "released tunnel true "])
    }).pipe(Effect.provide(layer))
  )

  it.effect("finishes a slow release after an interruption, even one that comes during the release", () =>
    Effect.gen(function* () {
      const seen = yield* watching
      const slow = Resource.acquire("tunnel", Effect.succeed(5), () => Effect.sleep("1 second"))
      const using = yield* Effect.forkChild(Effect.scoped(Effect.andThen(slow, Effect.never)), {
        startImmediately: true
      })
      const releasing = yield* Effect.forkChild(Effect.scoped(slow), { startImmediately: true })
      const interrupts = yield* Effect.forEach([using, releasing], (fiber) =>
        Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      )
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(interrupts, Fiber.join)
      expect(seen.slice(2)).toEqual(["released tunnel true ", "released tunnel true "])
    }).pipe(Effect.provide(layer))
  )

  for (const [what, release] of [
    ["is interrupted", Effect.interrupt],
    ["dies", Effect.die("no")],
    ["hangs", Effect.never]
  ] as const)
    it.effect(`publishes clean: false and releases the rest when a release ${what}`, () =>
      Effect.gen(function* () {
        const seen = yield* watching
        const fiber = yield* Effect.forkChild(
          Effect.scoped(
            Effect.andThen(
              Resource.acquire("a", Effect.succeed(1), () => Effect.void),
              Resource.acquire("b", Effect.succeed(2), () => release)
            )
          ),
          { startImmediately: true }
        )
        yield* TestClock.adjust("5 seconds")
        expect(yield* Fiber.join(fiber)).toBe(2)
        yield* Effect.yieldNow
        expect(seen.slice(2)).toEqual(["released b false ", "released a true "])
      }).pipe(Effect.provide(layer))
    )
})

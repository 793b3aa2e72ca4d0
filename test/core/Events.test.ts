import { describe, expect } from "bun:test"
import { Effect, Fiber, Layer, Redacted, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Event } from "../../src/core/Event.ts"
import { CurrentPath, CurrentRun, Events } from "../../src/core/Events.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import { it } from "../support/effect.ts"

const layer = Events.layer.pipe(Layer.provideMerge(Scrubber.layer))

const note = (text: string) => ({ _tag: "StepNoted", level: "info", text }) as const
const textOf = (event: Event) => (event._tag === "StepNoted" ? event.text : "")

/** Reads the next events of a subscription. */
const next = (stream: Stream.Stream<Event>, count: number) =>
  Effect.map(Stream.runCollect(Stream.take(stream, count)), (all) => [...all])

describe("Events", () => {
  it.effect("adds number, run, time and path to each event", () =>
    Effect.gen(function* () {
      const { publish, subscribe } = yield* Events
      const stream = yield* subscribe
      yield* TestClock.setTime(5000)
      yield* publish(note("outside"))
      yield* publish(note("inside")).pipe(
        Effect.provideService(CurrentPath, "deploy/build"),
        Effect.provideService(CurrentRun, "run1")
      )
      expect(yield* next(stream, 2)).toEqual([
        { ...note("outside"), seq: 1, run: "", path: "", time: 5000 },
        { ...note("inside"), seq: 2, run: "run1", path: "deploy/build", time: 5000 }
      ])
    }).pipe(Effect.provide(layer))
  )

  it.effect("delivers events to every subscriber in the same order, even with concurrent publishers", () =>
    Effect.gen(function* () {
      const { publish, subscribe } = yield* Events
      const streams = yield* Effect.all([subscribe, subscribe])
      const publisher = (name: number) =>
        Effect.forEach(Array.from({ length: 50 }), (_, n) =>
          Effect.andThen(Effect.yieldNow, publish(note(`${name} ${n}`)))
        )
      yield* Effect.forEach([1, 2, 3, 4], publisher, { concurrency: "unbounded" })
      const [first, second] = yield* Effect.all(streams.map((stream) => next(stream, 200)))
      expect(first?.map(({ seq }) => seq)).toEqual(Array.from({ length: 200 }, (_, n) => n + 1))
      expect(second).toEqual(first)
      const own = first?.map(textOf).filter((text) => text.startsWith("3 "))
      expect(own).toEqual(Array.from({ length: 50 }, (_, n) => `3 ${n}`))
    }).pipe(Effect.provide(layer))
  )

  it.effect("removes secrets before any subscriber sees the event", () =>
    Effect.gen(function* () {
      const { publish, subscribe } = yield* Events
      const stream = yield* subscribe
      const scrubber = yield* Scrubber
      scrubber.add(Redacted.make("hunter22"))
      yield* publish({
        _tag: "StepFailed",
        kind: "step",
        millis: 1,
        failures: [{ tag: "T", message: "a hunter22", remedy: "b" }]
      })
      const [event] = yield* next(stream, 1)
      expect(event).toMatchObject({ failures: [{ message: "a <redacted>" }] })
      yield* publish({ _tag: "StepSucceeded", kind: "step", millis: 1, result: { "of hunter22": 1 } }).pipe(
        Effect.provideService(CurrentPath, "deploy/all[hunter22]")
      )
      const [keys] = yield* next(stream, 1)
      expect(keys).toMatchObject({ path: "deploy/all[<redacted>]", result: { "of <redacted>": 1 } })
    }).pipe(Effect.provide(layer))
  )

  it.effect("buffers events for a slow subscriber without blocking the publisher", () =>
    Effect.gen(function* () {
      const { publish, subscribe } = yield* Events
      const slow = yield* subscribe
      const seen: Array<string> = []
      const reader = yield* Effect.forkChild(
        Stream.runForEach(Stream.take(slow, 1000), (event) =>
          Effect.andThen(
            Effect.sleep("1 second"),
            Effect.sync(() => seen.push(textOf(event)))
          )
        ),
        { startImmediately: true }
      )
      const began = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      yield* Effect.forEach(Array.from({ length: 1000 }), (_, n) => publish(note(`${n}`)))
      // Publishing took no time, so the reader has not seen any of them yet.
      expect(yield* Effect.clockWith((clock) => clock.currentTimeMillis)).toBe(began)
      expect(seen).toEqual([])
      yield* TestClock.adjust("1000 seconds")
      yield* Fiber.join(reader)
      expect(seen).toEqual(Array.from({ length: 1000 }, (_, n) => `${n}`))
    }).pipe(Effect.provide(layer))
  )

  it.effect("keeps delivering events when another subscriber fails or unsubscribes", () =>
    Effect.gen(function* () {
      const { publish, subscribe } = yield* Events
      const stream = yield* subscribe
      const broken = yield* Effect.scoped(
        Effect.flatMap(subscribe, (own) =>
          Effect.andThen(publish(note("1")), Effect.exit(Stream.runForEach(own, () => Effect.die("broken"))))
        )
      )
      expect(broken._tag).toBe("Failure")
      yield* publish(note("2"))
      expect((yield* next(stream, 2)).map(textOf)).toEqual(["1", "2"])
    }).pipe(Effect.provide(layer))
  )

  it.effect("round-trips events through their JSON schema", () =>
    Effect.gen(function* () {
      const { publish, subscribe } = yield* Events
      const stream = yield* subscribe
      yield* publish({ _tag: "RunStarted", version: 1, name: "deploy" })
      yield* publish({ _tag: "StepSucceeded", kind: "step", millis: 3, result: { a: 1 } })
      yield* publish({ _tag: "StepProgress", label: "new", bytes: 3, total: 4 })
      const written = yield* next(stream, 3)
      const codec = Schema.fromJsonString(Event)
      for (const event of written) {
        expect(yield* Schema.decodeEffect(codec)(yield* Schema.encodeEffect(codec)(event))).toEqual(event)
      }
    }).pipe(Effect.provide(layer))
  )
})

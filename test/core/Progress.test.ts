import { describe, expect } from "bun:test"
import { Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Event } from "../../src/core/Event.ts"
import { Events } from "../../src/core/Events.ts"
import * as Progress from "../../src/core/Progress.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import { it } from "../support/effect.ts"

/** The progress that is published, as it comes: its time, its bytes, and their total. */
const published = Effect.gen(function* () {
  const events: Array<Event> = []
  const service = yield* Events
  const stream = yield* service.subscribe
  yield* Effect.forkScoped(
    Stream.runForEach(stream, (event) => Effect.sync(() => events.push(event))),
    { startImmediately: true }
  )
  const all = () =>
    Effect.map(Effect.yieldNow, () =>
      events.map((event) => (event._tag === "StepProgress" ? [event.time, event.bytes, event.total] : event))
    )
  return { service, all }
})

const events = Events.layer.pipe(Layer.provide(Scrubber.layer))

describe("progress", () => {
  it.effect("is published at most five times a second, and only if it changed", () =>
    Effect.gen(function* () {
      const { all, service } = yield* published
      let bytes = 0
      const progress: Progress.Progress = { label: "read", amount: Effect.sync(() => ({ bytes, total: 50 })) }
      const fiber = yield* Effect.forkChild(Progress.during(service, progress, Effect.never), {
        startImmediately: true
      })
      for (const each of [10, 20, 30, 40]) {
        bytes = each
        yield* TestClock.adjust("100 millis")
      }
      yield* TestClock.adjust("1 minute")
      expect(yield* all()).toEqual([
        [200, 20, 50],
        [400, 40, 50]
      ])
      yield* Fiber.interrupt(fiber)
      bytes = 45
      yield* TestClock.adjust("1 minute")
      expect(yield* all()).toHaveLength(2)
    }).pipe(Effect.provide(events))
  )

  it.effect("never exceeds its total, and is not published if no bytes moved", () =>
    Effect.gen(function* () {
      const { all, service } = yield* published
      for (const amount of [{ bytes: 51, total: 50 }, { bytes: 7 }, { bytes: 0, total: 50 }]) {
        const progress = { label: "read", amount: Effect.succeed(amount) }
        expect(yield* Progress.during(service, progress, Effect.succeed("done"))).toBe("done")
      }
      expect(yield* all()).toEqual([
        [0, 51, 51],
        [0, 7, undefined]
      ])
    }).pipe(Effect.provide(events))
  )
})

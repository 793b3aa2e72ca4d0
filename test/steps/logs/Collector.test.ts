import { describe, expect, test } from "bun:test"
import { Effect, Fiber, Ref } from "effect"
import { TestClock } from "effect/testing"
import * as Collector from "../../../src/steps/logs/Collector.ts"
import { reorder } from "../../../src/steps/logs/reorder.ts"
import { advanceUntilDone } from "../../support/waiting.ts"
import { it } from "../../support/effect.ts"

const at = (millis: number) => `2026-11-29T14:00:00.${String(millis).padStart(3, "0")}000000Z`
const container = { id: "abc", name: "shop-web", service: "web" }
const line = (server: string, millis: number) => ({ server, container, time: at(millis), text: `${server} ${millis}` })

describe("reorder", () => {
  const texts = (lines: ReadonlyArray<{ readonly text: string }>) => lines.map(({ text }) => text)

  test("lets older lines overtake newer ones while these wait", () => {
    const order = reorder<ReturnType<typeof line>>(300)
    order.add([line("h1", 10), line("h1", 30)], 0)
    order.add([line("h2", 20), line("h2", 40)], 200)
    expect(order.ready(299)).toEqual([])
    expect(texts(order.ready(300))).toEqual(["h1 10", "h2 20", "h1 30"])
    expect(order.ready(499)).toEqual([])
    expect(texts(order.ready(500))).toEqual(["h2 40"])
  })

  test("keeps the order of lines with the same time", () => {
    const order = reorder<ReturnType<typeof line>>(0)
    const same = Array.from({ length: 50 }, (_, n) => ({ ...line("h1", 5), text: `${n}` }))
    order.add(same, 0)
    expect(texts(order.rest())).toEqual(texts(same))
  })

  test("a server whose clock is ahead holds up nobody, and its lines do not wait longer", () => {
    const order = reorder<ReturnType<typeof line>>(300)
    order.add([line("ahead", 900)], 0)
    order.add([line("h1", 1)], 100)
    expect(texts(order.ready(300))).toEqual(["h1 1", "ahead 900"])
  })

  test("does not keep more than a few megabytes", () => {
    const order = reorder<ReturnType<typeof line>>(300)
    const long = Array.from({ length: 100 }, (_, n) => ({ ...line("h1", n), text: "x".repeat(64 * 1024) }))
    order.add(long, 0)
    const ready = order.ready(0).length
    expect(ready).toBe(36)
    expect(order.ready(300)).toHaveLength(100 - ready)
  })
})

describe("the collector", () => {
  it.effect("merges what servers have, then writes what comes", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make(["h1", "h2"])
      const written = yield* Ref.make<ReadonlyArray<string>>([])
      const writing = yield* Effect.forkChild(
        collector.writeAll((lines) => Ref.update(written, (all) => [...all, ...lines.map(({ text }) => text)]))
      )
      const [h1, h2] = [collector.source("h1"), collector.source("h2")]
      yield* h1.past([line("h1", 1), line("h1", 4)])
      yield* h1.pastIsOver
      yield* h1.present([line("h1", 6)])
      yield* TestClock.adjust("1 second")
      expect(yield* Ref.get(written)).toEqual([])
      yield* h2.past([line("h2", 2), line("h2", 5)])
      yield* h2.pastIsOver
      yield* TestClock.adjust("1 second")
      expect(yield* Ref.get(written)).toEqual(["h1 1", "h2 2", "h1 4", "h2 5", "h1 6"])
      yield* h2.isOver
      yield* h1.present([line("h1", 7)])
      yield* h1.isOver
      yield* advanceUntilDone(writing, "100 millis")
      yield* collector.isWritten
      expect((yield* Ref.get(written)).at(-1)).toBe("h1 7")
    })
  )

  it.effect("holds up the servers while nobody reads", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make(["h1"])
      const { isOver, past, pastIsOver, present } = collector.source("h1")
      const taken = { past: 0, present: 0 }
      yield* Effect.forkChild(collector.writeAll(() => Effect.never))
      const feed = Effect.gen(function* () {
        while (taken.past < 1000) {
          yield* past([line("h1", 1)])
          taken.past++
        }
        yield* pastIsOver
        yield* isOver
      })
      const feeding = yield* Effect.forkChild(feed)
      const following = yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(
            present([line("h1", 2)]),
            Effect.sync(() => taken.present++)
          )
        )
      )
      yield* TestClock.adjust("1 minute")
      expect(taken.past).toBeLessThan(20)
      expect(taken.present).toBeLessThan(20)
      yield* Fiber.interrupt(feeding)
      yield* Fiber.interrupt(following)
    })
  )

  it.effect("a server that ends without a line holds up nobody", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make(["h1", "h2"])
      const written: Array<string> = []
      const writing = yield* Effect.forkChild(
        collector.writeAll((lines) => Effect.sync(() => void written.push(...lines.map(({ text }) => text))))
      )
      yield* collector.source("h2").isOver
      const h1 = collector.source("h1")
      yield* h1.past([line("h1", 1)])
      yield* h1.isOver
      yield* advanceUntilDone(writing, "100 millis")
      expect(written).toEqual(["h1 1"])
    })
  )
})

import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { CurrentCapacity } from "../../src/core/capacity.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { it } from "../support/effect.ts"
import { inTime } from "./watch.ts"

const servers = Array.from({ length: 100 }, (_, n) => n)

/** How many items of a forEach over 100 servers have run at the same time. */
const most = Effect.fnUntraced(function* (strategy: Strategy.Strategy | undefined, items: number) {
  let running = 0
  let most = 0
  const work = Step.make("work", () =>
    Effect.gen(function* () {
      most = Math.max(most, ++running)
      yield* Effect.sleep("1 second")
      running--
    })
  )
  const pipeline = Pipeline.make("all").pipe(
    Pipeline.forEach({
      name: "servers",
      as: "server",
      items: () => servers,
      key: String,
      body: Pipeline.make<{ readonly server: number }>("server").pipe(Pipeline.step(work)),
      ...(strategy !== undefined && { strategy })
    })
  )
  yield* inTime(Pipeline.run(pipeline, {})).pipe(Effect.provideService(CurrentCapacity, { items, handshakes: 1 }))
  return most
})

describe("a forEach without a concurrency of its own", () => {
  it.effect("runs all items at once if the machine can bear it", () =>
    Effect.gen(function* () {
      expect(yield* most(undefined, 1000)).toBe(100)
      expect(yield* most(Strategy.parallel({ onFailure: "stop" }), 1000)).toBe(100)
    })
  )

  it.effect("runs no more items at once than the machine can bear", () =>
    Effect.gen(function* () {
      expect(yield* most(undefined, 40)).toBe(40)
      expect(yield* most(Strategy.canary(), 40)).toBe(40)
    })
  )

  it.effect("follows its own concurrency in any case", () =>
    Effect.gen(function* () {
      expect(yield* most(Strategy.parallel({ concurrency: 3 }), 1000)).toBe(3)
      expect(yield* most(Strategy.parallel({ concurrency: 60 }), 40)).toBe(60)
    })
  )
})

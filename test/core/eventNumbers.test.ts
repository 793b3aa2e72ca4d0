import { expect } from "bun:test"
import { Effect, Layer, Stream } from "effect"
import { Events } from "../../src/core/Events.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../support/effect.ts"

it.effect("events are counted from 1 without gaps, across nested and successive runs", () =>
  Effect.gen(function* () {
    const events = yield* Events
    const stream = yield* events.subscribe
    const inner = Pipeline.make("inner").pipe(Pipeline.step(Step.make("work", () => Effect.void)))
    const outer = Pipeline.make("outer").pipe(Pipeline.step(Step.make("nest", () => Pipeline.run(inner, {}))))
    yield* Pipeline.run(outer, {})
    yield* Pipeline.run(inner, {})
    const all = [...(yield* Stream.runCollect(Stream.take(stream, 12)))]
    expect(all.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(new Set(all.map(({ run }) => run)).size).toBe(3)
    expect(all.filter(({ run }) => run === all[0]?.run).map(({ seq }) => seq)).toEqual([1, 2, 7, 8])
  }).pipe(Effect.scoped, Effect.provide(Events.layer.pipe(Layer.provideMerge(Scrubber.layer))))
)

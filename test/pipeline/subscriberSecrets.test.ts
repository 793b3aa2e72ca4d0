import { expect } from "bun:test"
import { Effect, Layer, Redacted } from "effect"
import { Events } from "../../src/core/Events.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { it } from "../support/effect.ts"
import { pass } from "./watch.ts"

const layer = Events.layer.pipe(Layer.provideMerge(Scrubber.layer))

it.effect("the handlers of a pipeline whose name is a secret get its events, without the secret", () =>
  Effect.gen(function* () {
    ;(yield* Scrubber).add(Redacted.make("release-it"))
    const seen: Array<string> = []
    const listening = (name: string) =>
      Pipeline.make(name).pipe(
        Pipeline.step(pass("work")),
        Pipeline.on("StepStarted", ({ path }) => Effect.sync(() => seen.push(`${name}: ${path}`)))
      )
    const items = {
      name: "release-it items",
      as: "item",
      items: () => ["release-it"],
      key: String,
      body: listening("body")
    } as const
    const outer = Pipeline.make("outer").pipe(
      Pipeline.pipeline(listening("fine")),
      Pipeline.pipeline(listening("release-it")),
      Pipeline.forEach(items)
    )
    yield* Pipeline.run(outer, {})
    yield* Pipeline.run(listening("release-it"), {})
    expect(seen).toEqual([
      "fine: outer/fine",
      "fine: outer/fine/work",
      "release-it: outer/<redacted>",
      "release-it: outer/<redacted>/work",
      "body: outer/<redacted> items[<redacted>]",
      "body: outer/<redacted> items[<redacted>]/work",
      "release-it: <redacted>/work"
    ])
  }).pipe(Effect.provide(layer))
)

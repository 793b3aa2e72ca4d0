import { expect } from "bun:test"
import { Effect } from "effect"
import { IsDryRun, Pipeline, Step } from "../../src/index.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"

const calls = () => {
  const seen: Array<string> = []
  const own = Step.make("own", () => Effect.map(IsDryRun, (isDry) => void seen.push(isDry ? "dry" : "live")))
  const pipeline = Pipeline.make("calls").pipe(
    Pipeline.step(own),
    Pipeline.on("RunSucceeded", ({ path }) => Effect.sync(() => seen.push(path)))
  )
  return { pipeline, seen }
}

it.effect("a rehearsal calls no handlers, and its steps can ask whether it is a dry run", () =>
  Effect.gen(function* () {
    const { pipeline, seen } = calls()
    const { events } = yield* Rehearsal.run(pipeline, {})
    expect(seen).toEqual(["dry"])
    expect(events[0]).toMatchObject({ _tag: "RunStarted", dryRun: true })
  })
)

it.effect("a rehearsal can call handlers, and let steps do what they do in a live run", () =>
  Effect.gen(function* () {
    const { pipeline, seen } = calls()
    const { events } = yield* Rehearsal.run(pipeline, {}, { handlers: true, dryRun: false })
    expect(seen).toEqual(["live", "calls"])
    expect(events[0]).not.toHaveProperty("dryRun")
  })
)

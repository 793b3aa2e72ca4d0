import { describe, expect } from "bun:test"
import { Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { WhenWaiting } from "../../src/pipeline/interpreter/Activity.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../support/effect.ts"
import { makeJournal, withJournal } from "./journaled.ts"
import { hold, inTime, watched } from "./watch.ts"

const { make, parallel, run, step } = Pipeline

/** A step with a stored result and an undo, which notes both. */
const work = (name: string, log: Array<string>) =>
  Step.make(name, () => Effect.sync(() => (log.push(name), { [name]: 1 })), {
    result: Schema.Record(Schema.String, Schema.Int)
  }).pipe(Step.undo(() => Effect.sync(() => log.push(`undo ${name}`))))

const suspending = Effect.provideService(WhenWaiting, "suspend" as const)

describe("a run that is suspended while it waits", () => {
  it.effect("releases its resources, undoes nothing, says what it waits for, and is resumed when that has come", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const release = make("release").pipe(
        step(hold("connection")),
        step(work("build", log)),
        step(Step.waitFor("approved", { within: "1 day" })),
        step(work("ship", log))
      )
      const first = makeJournal()
      const { events, exit, lines } = yield* inTime(run(release, {}).pipe(withJournal(first), suspending))
      expect(Exit.isFailure(exit)).toBe(true)
      expect(lines).toContain("ResourceReleased release/connection: connection")
      expect(events.at(-1)).toMatchObject({
        _tag: "RunInterrupted",
        waits: [{ path: "release/approved", signal: "approved", until: expect.any(Number) }]
      })
      const again = makeJournal(first.entries, "first")
      yield* again.send("approved", true)
      const resumed = yield* inTime(run(release, {}).pipe(withJournal(again), suspending))
      expect(Exit.isSuccess(resumed.exit)).toBe(true)
      expect(log).toEqual(["build", "ship"])
    })
  )

  it.effect("goes on as long as one of its branches works, also in the background", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const slow = Step.make("slow", () => Effect.sleep("10 minutes"))
      const rest = Step.make("rest", () =>
        Step.inBackground(
          "rest",
          Effect.andThen(
            Effect.sleep("20 minutes"),
            Effect.sync(() => log.push("rest"))
          )
        )
      )
      const both = make("both").pipe(
        step(rest),
        parallel(Step.waitFor("approved"), make("other").pipe(step(slow), step(work("after", log))))
      )
      const { events } = yield* inTime(run(both, {}).pipe(withJournal(makeJournal()), suspending))
      expect(log).toEqual(["after", "rest"])
      const end = events.at(-1)
      expect(end).toMatchObject({ waits: [{ path: "both/approved" }] })
      expect(end).toMatchObject({ millis: 20 * 60 * 1000 })
    })
  )

  it.effect("does not end for a short sleep, or before a signal that is there", () =>
    Effect.gen(function* () {
      const short = make("short").pipe(step(Step.sleep("bake", "4 seconds")), step(Step.waitFor("approved")))
      const journal = makeJournal()
      yield* journal.send("approved", true)
      const { exit } = yield* inTime(run(short, {}).pipe(withJournal(journal), suspending))
      expect(Exit.isSuccess(exit)).toBe(true)
    })
  )

  it.effect("does not end when a signal comes within a second", () =>
    Effect.gen(function* () {
      const journal = makeJournal()
      const late = make("late").pipe(step(Step.waitFor("approved")))
      const fiber = yield* Effect.forkChild(watched(run(late, {}).pipe(withJournal(journal), suspending)))
      yield* TestClock.adjust("999 millis")
      yield* journal.send("approved", true)
      yield* TestClock.adjust("1 second")
      const { exit } = yield* Fiber.join(fiber)
      expect(Exit.isSuccess(exit)).toBe(true)
    })
  )

  it.effect("undoes its steps instead if it is to end", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const release = make("release").pipe(step(work("build", log)), step(Step.sleep("bake", "2 days")))
      const { events } = yield* inTime(
        run(release, {}).pipe(withJournal(makeJournal()), Effect.provideService(WhenWaiting, "undo" as const))
      )
      expect(events.at(-1)).toEqual(expect.not.objectContaining({ waits: expect.anything() }))
      expect(log).toEqual(["build", "undo build"])
    })
  )

  it.effect("keeps its process where runs are not suspended", () =>
    Effect.gen(function* () {
      const release = make("release").pipe(step(Step.sleep("bake", "30 minutes")))
      const { exit } = yield* inTime(run(release, {}).pipe(withJournal(makeJournal())))
      expect(Exit.isSuccess(exit)).toBe(true)
    })
  )
})

import { describe, expect } from "bun:test"
import { Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"
import { makeJournal, withJournal } from "./journaled.ts"
import { inTime, watched } from "./watch.ts"

const { make, run, step } = Pipeline

const Approval = Schema.Struct({ tag: Schema.String })
const approved = Step.waitFor("approved", { schema: Approval, within: "1 day" })
const release = make("release").pipe(step(approved))

describe("a step that waits for a signal", () => {
  it.effect("goes on with the value of the signal, and says how to send it and who has sent it", () =>
    Effect.gen(function* () {
      const journal = makeJournal()
      const fiber = yield* Effect.forkChild(watched(run(release, {}).pipe(withJournal(journal))))
      yield* TestClock.adjust("1 hour")
      yield* journal.send("approved", { tag: "v1" }, "ann")
      const { exit, lines } = yield* Fiber.join(fiber)
      expect(Exit.isSuccess(exit) && exit.value.approved).toEqual({ tag: "v1" })
      expect(lines).toContain("StepNoted release/approved: waiting for approved: send approved")
      expect(lines).toContain("StepNoted release/approved: approved by ann")
      expect(journal.entries.get("release/approved")).toEqual({
        _tag: "Succeeded",
        result: { approved: { tag: "v1" } }
      })
    })
  )

  it.effect("refuses a value that does not fit with a warning, and waits for the next one", () =>
    Effect.gen(function* () {
      const journal = makeJournal()
      yield* journal.send("approved", { tag: 3 }, "bob")
      yield* journal.send("approved", { tag: "v1" })
      const { events, exit } = yield* watched(run(release, {}).pipe(withJournal(journal)))
      expect(Exit.isSuccess(exit)).toBe(true)
      const warnings = events.flatMap((event) =>
        event._tag === "StepNoted" && event.level === "warning" ? [event.text] : []
      )
      expect(warnings).toEqual([expect.stringMatching(/^refused approved by bob: .*tag/)])
    })
  )

  it.effect("fails when its time is over, which a resumed run does not begin again", () =>
    Effect.gen(function* () {
      const first = makeJournal()
      const fiber = yield* Effect.forkChild(watched(run(release, {}).pipe(withJournal(first))))
      yield* TestClock.adjust("23 hours")
      first.freeze()
      yield* Fiber.interrupt(fiber)
      const again = makeJournal(first.entries, "first")
      const { exit, lines } = yield* inTime(run(release, {}).pipe(withJournal(again)))
      expect(Exit.isFailure(exit)).toBe(true)
      expect(lines).toContain('StepFailed release/approved: release/approved got no signal "approved" within 1d.')
    })
  )

  it.effect("has `true` without a schema, and waits without a limit", () =>
    Effect.gen(function* () {
      const journal = makeJournal()
      const fiber = yield* Effect.forkChild(
        watched(run(make("release").pipe(step(Step.waitFor("go on"))), {}).pipe(withJournal(journal)))
      )
      yield* TestClock.adjust("400 days")
      yield* journal.send("go on", true)
      const { exit } = yield* Fiber.join(fiber)
      expect(Exit.isSuccess(exit) && exit.value["go on"]).toBe(true)
    })
  )

  it.effect("fails where nobody can send a signal", () =>
    Effect.gen(function* () {
      const { exit, lines } = yield* watched(run(release, {}))
      expect(Exit.isFailure(exit)).toBe(true)
      expect(lines.join("\n")).toContain("nobody can send it here")
    })
  )
})

describe("a step that sleeps", () => {
  it.effect("waits until the time that it would have been, also in a resumed run", () =>
    Effect.gen(function* () {
      const pipeline = make("release").pipe(step(Step.sleep("bake", "2 days")))
      const first = makeJournal()
      const fiber = yield* Effect.forkChild(watched(run(pipeline, {}).pipe(withJournal(first))))
      yield* TestClock.adjust("47.5 hours")
      first.freeze()
      yield* Fiber.interrupt(fiber)
      const again = makeJournal(first.entries, "first")
      const { events, exit } = yield* inTime(run(pipeline, {}).pipe(withJournal(again)))
      expect(Exit.isSuccess(exit)).toBe(true)
      const end = events.find(({ _tag }) => _tag === "RunSucceeded")
      expect(end).toMatchObject({ millis: 30 * 60 * 1000 })
    })
  )
})

describe("a rehearsal of a run that waits", () => {
  const whole = make("release").pipe(step(Step.sleep("bake", "2 days")), step(approved))

  it.live("answers after a virtual time", () =>
    Effect.gen(function* () {
      const answers = [Answer.signal("approved", { tag: "v2" }, { after: "3 hours" })]
      const result = yield* Rehearsal.run(whole, {}, { answers })
      expect(Exit.isSuccess(result.exit) && result.exit.value.approved).toEqual({ tag: "v2" })
      expect(result.events.at(-1)).toMatchObject({ _tag: "RunSucceeded", millis: 51 * 60 * 60 * 1000 })
      expect(result.unused).toEqual([])
    })
  )

  it.live("says which answer is missing, or what happens without a signal", () =>
    Effect.gen(function* () {
      const missing = yield* Rehearsal.run(whole, {})
      expect(missing.failures).toEqual([
        expect.objectContaining({
          tag: "SignalUnanswered",
          remedy: expect.stringContaining('Answer.signal("approved"')
        })
      ])
      const late = yield* Rehearsal.run(whole, {}, { answers: [Answer.noSignal("approved")] })
      expect(late.failures).toMatchObject([{ tag: "SignalMissing" }])
      const usual = make("release").pipe(step(Step.waitFor("approved", { schema: Approval, dryRun: { tag: "v0" } })))
      const dry = yield* Rehearsal.run(usual, {})
      expect(Exit.isSuccess(dry.exit) && dry.exit.value.approved).toEqual({ tag: "v0" })
    })
  )

  it.live("goes on with an earlier rehearsal", () =>
    Effect.gen(function* () {
      const first = yield* Rehearsal.run(whole, {}, { answers: [Answer.noSignal("approved")], interrupt: "49 hours" })
      const answers = [Answer.signal("approved", { tag: "v2" })]
      const { events, exit } = yield* Rehearsal.run(whole, {}, { answers, resume: first })
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(events.find(({ _tag, path }) => _tag === "StepSucceeded" && path === "release/bake")).toMatchObject({
        resumed: true
      })
    })
  )
})

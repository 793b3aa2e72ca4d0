import { describe, expect } from "bun:test"
import { Effect, Fiber, Schedule, Schema } from "effect"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Resource from "../../src/core/Resource.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../effect.ts"
import { Broken, fail, hold, inTime, never, pass, watched } from "./watch.ts"

const { make, run, step } = Pipeline

/** A step that fails a number of times, each time after it has acquired something. */
const flaky = (failures: number) => {
  let attempts = 0
  return Step.make("flaky", () =>
    Effect.andThen(
      Resource.acquire("port", Effect.succeed(++attempts), () => Effect.void),
      attempts > failures ? Effect.succeed({ attempts }) : Effect.fail(new Broken({ what: `attempt ${attempts}` }))
    )
  )
}

describe("a step that is retried", () => {
  it.effect("says so each time, and releases what the failed attempt held before the next", () =>
    Effect.gen(function* () {
      const { exit, lines } = yield* inTime(
        run(make("p").pipe(step(flaky(2).pipe(Step.retry(Schedule.spaced("3 seconds"))))), {})
      )
      expect(yield* exit).toEqual({ attempts: 3 })
      expect(lines).toEqual([
        "RunStarted p",
        "StepStarted p/flaky",
        "ResourceAcquired p/flaky: port",
        "ResourceReleased p/flaky: port",
        "StepRetried p/flaky: 1 in 3000, attempt 1 broke.",
        "ResourceAcquired p/flaky: port",
        "ResourceReleased p/flaky: port",
        "StepRetried p/flaky: 2 in 3000, attempt 2 broke.",
        "ResourceAcquired p/flaky: port",
        "StepSucceeded p/flaky",
        "ResourceReleased p/flaky: port",
        "RunSucceeded p"
      ])
    })
  )

  it.effect("fails with its last failure when the schedule has ended", () =>
    Effect.gen(function* () {
      const { lines } = yield* inTime(run(make("p").pipe(step(flaky(9).pipe(Step.retry(Schedule.recurs(2))))), {}))
      expect(lines.filter((text) => text.startsWith("StepRetried"))).toHaveLength(2)
      expect(lines.at(-1)).toBe("RunFailed p: attempt 3 broke.")
    })
  )

  it.effect("is not tried again after a defect, nor when it is interrupted", () =>
    Effect.gen(function* () {
      for (const end of [Effect.die(new Error("boom")), Effect.interrupt]) {
        const broken = Step.make("broken", () => end).pipe(Step.retry(Schedule.forever))
        const { lines } = yield* inTime(run(make("p").pipe(step(broken)), {}))
        expect(lines.filter((text) => text.startsWith("StepRetried"))).toEqual([])
      }
    })
  )
})

describe("a step with a time limit", () => {
  it.effect("is stopped, and its pipeline fails with what it was and how long it took", () =>
    Effect.gen(function* () {
      const slow = never("slow").pipe(Step.timeout("90 seconds"))
      const { exit, events, lines } = yield* inTime(run(make("p").pipe(step(hold("a")), step(slow)), {}))
      expect(lines.slice(-3)).toEqual([
        "StepFailed p/slow: p/slow took longer than 1m 30s and was stopped.",
        "ResourceReleased p/a: a",
        "RunFailed p: p/slow took longer than 1m 30s and was stopped."
      ])
      expect(events.at(-1)).toMatchObject({ millis: 90_000, failures: [{ tag: "StepTimedOut" }] })
      expect(yield* Effect.flip(exit)).toBeInstanceOf(Pipeline.StepTimedOut)
    })
  )

  it.effect("has it for each attempt, or for all, as the two are put around each other", () =>
    Effect.gen(function* () {
      const each = never("a").pipe(Step.timeout("10 seconds"), Step.retry(Schedule.recurs(2)))
      const all = never("b").pipe(Step.retry(Schedule.recurs(2)), Step.timeout("10 seconds"))
      expect((yield* inTime(run(make("p").pipe(step(each)), {}))).events.at(-1)).toMatchObject({ millis: 30_000 })
      expect((yield* inTime(run(make("p").pipe(step(all)), {}))).events.at(-1)).toMatchObject({ millis: 10_000 })
    })
  )
})

describe("a step that is skipped from outside", () => {
  const made = Step.make("make", () => Effect.succeed({ at: 5 }), { result: Schema.Struct({ at: Schema.Int }) })
  const careful = made.pipe(
    Step.skipWhen(({ dry }: { readonly dry: boolean }) => (dry ? "it is a rehearsal" : undefined)),
    Step.undo(() => Effect.die("there is nothing to undo"))
  )
  const p = make<{ readonly dry: boolean }>("p").pipe(step(careful))

  it.effect("says why, adds nothing, and is not undone", () =>
    Effect.gen(function* () {
      const { exit, lines } = yield* watched(run(p, { dry: true }))
      expect(yield* exit).toEqual({ dry: true })
      expect(lines[2]).toBe("StepSkipped p/make: it is a rehearsal")
      const failed = yield* watched(run(p.pipe(step(fail("b"))), { dry: true }))
      expect(failed.lines.filter((text) => text.includes("undo"))).toEqual([])
    })
  )

  it.effect("is done where there is no reason", () =>
    Effect.gen(function* () {
      expect(yield* (yield* watched(run(p, { dry: false }))).exit).toEqual({ dry: false, at: 5 })
    })
  )
})

describe("an undo", () => {
  const log: Array<string> = []
  const undoable = (name: string) =>
    Step.make(name, () => Effect.succeed({ [name]: true })).pipe(
      Step.undo((added: object) => Effect.sync(() => log.push(`undo ${Object.keys(added).join()}`)))
    )
  const ends = (lines: ReadonlyArray<string>) => lines.filter((text) => /^(StepS.*undo|Resource|Run[^S])/.test(text))

  it.effect("runs where a later step fails, the last first, before anything is released", () =>
    Effect.gen(function* () {
      const p = make("p").pipe(step(undoable("a")), step(hold("b")), step(undoable("c")), step(fail("d")))
      const { exit, lines } = yield* watched(run(p, {}))
      expect(ends(lines)).toEqual([
        "ResourceAcquired p/b: b",
        "StepStarted p/c/undo",
        "StepSucceeded p/c/undo",
        "StepStarted p/a/undo",
        "StepSucceeded p/a/undo",
        "ResourceReleased p/b: b",
        "RunFailed p: d broke."
      ])
      expect(yield* Effect.flip(exit)).toEqual(new Broken({ what: "d" }))
      expect(log.splice(0)).toEqual(["undo c", "undo a"])
    })
  )

  it.effect("runs where the pipeline is interrupted, to its end", () =>
    Effect.gen(function* () {
      const slow = pass("a").pipe(
        Step.undo(() =>
          Effect.andThen(
            Effect.sleep("5 seconds"),
            Effect.sync(() => log.push("undone"))
          )
        )
      )
      const p = make("p").pipe(step(slow), step(never("b")))
      const { lines } = yield* inTime(
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(run(p, {}), { startImmediately: true })
          yield* Fiber.interrupt(fiber)
        })
      )
      expect(lines.slice(-4)).toEqual([
        "StepInterrupted p/b",
        "StepStarted p/a/undo",
        "StepSucceeded p/a/undo",
        "RunInterrupted p"
      ])
      expect(log.splice(0)).toEqual(["undone"])
    })
  )

  it.effect("runs where the pipeline is interrupted while all is released", () =>
    Effect.gen(function* () {
      const slow = Step.make("slow", () =>
        Resource.acquire("port", Effect.succeed({}), () => Effect.sleep("2 seconds"))
      )
      const { lines } = yield* inTime(
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(run(make("p").pipe(step(undoable("a")), step(slow)), {}))
          yield* Effect.sleep("1 second")
          yield* Fiber.interrupt(fiber)
        })
      )
      expect(lines.at(-1)).toBe("RunInterrupted p")
      expect(log.splice(0)).toEqual(["undo a"])
    })
  )

  it.effect("does not run where all goes well, nor for a step that failed itself", () =>
    Effect.gen(function* () {
      yield* watched(run(make("p").pipe(step(undoable("a"))), {}))
      const failing = fail("b").pipe(Step.undo(() => Effect.sync(() => log.push("undo b"))))
      yield* watched(run(make("p").pipe(step(failing)), {}))
      expect(log).toEqual([])
    })
  )

  it.effect("runs also when the pipeline it was in has ended, and one around that fails", () =>
    Effect.gen(function* () {
      const inner = make("inner").pipe(step(undoable("a")), step(undoable("b")))
      const beside = make("beside").pipe(step(undoable("d")))
      const p = make("p").pipe(Pipeline.pipeline(inner), Pipeline.parallel(beside, undoable("e")), step(fail("f")))
      const { lines } = yield* watched(run(p, {}))
      expect(new Set(log.splice(0, 2))).toEqual(new Set(["undo e", "undo d"]))
      expect(log.splice(0)).toEqual(["undo b", "undo a"])
      expect(lines).toContain("StepSucceeded p/inner/b/undo")
    })
  )

  it.effect("runs once, in the pipeline that fails first", () =>
    Effect.gen(function* () {
      const inner = make("inner").pipe(step(undoable("b")), step(fail("c")))
      const { lines } = yield* watched(run(make("p").pipe(step(undoable("a")), Pipeline.pipeline(inner)), {}))
      expect(log.splice(0)).toEqual(["undo b", "undo a"])
      expect(lines.indexOf("StepSucceeded p/inner/b/undo")).toBeLessThan(lines.indexOf("StepFailed p/inner: c broke."))
    })
  )

  it.effect("that fails or hangs is reported, and hides neither the first failure nor the other undos", () =>
    Effect.gen(function* () {
      const failing = pass("b").pipe(Step.undo(() => Effect.fail(new Broken({ what: "the undo" }))))
      const dying = pass("c").pipe(Step.undo(() => Effect.die(new Error("boom"))))
      const stuck = pass("d").pipe(Step.undo(() => Effect.never, { within: "20 seconds" }))
      const p = make("p").pipe(step(undoable("a")), step(failing), step(dying), step(stuck), step(fail("e")))
      const { exit, lines } = yield* inTime(run(p, {}))
      expect(lines.filter((text) => text.startsWith("StepFailed"))).toEqual([
        "StepFailed p/e: e broke.",
        "StepFailed p/d/undo: p/d/undo took longer than 20s and was stopped.",
        expect.stringMatching(/^StepFailed p\/c\/undo: boom \(at \/.*\/wrappers\.test\.ts:\d+\)$/),
        "StepFailed p/b/undo: the undo broke."
      ])
      expect(log.splice(0)).toEqual(["undo a"])
      expect(lines.at(-1)).toBe("RunFailed p: e broke.")
      expect(yield* Effect.flip(exit)).toEqual(new Broken({ what: "e" }))
    })
  )

  it.effect("releases what it acquired itself", () =>
    Effect.gen(function* () {
      const undone = pass("a").pipe(Step.undo(() => Resource.acquire("again", Effect.succeed({}), () => Effect.void)))
      const { lines } = yield* watched(run(make("p").pipe(step(undone), step(fail("b"))), {}))
      expect(lines.slice(-5)).toEqual([
        "StepStarted p/a/undo",
        "ResourceAcquired p/a/undo: again",
        "ResourceReleased p/a/undo: again",
        "StepSucceeded p/a/undo",
        "RunFailed p: b broke."
      ])
    })
  )
})

describe("a node under a condition", () => {
  const p = make<{ readonly on: boolean }>("p").pipe(
    Pipeline.when({
      if: ({ on }: { readonly on: boolean }) => on,
      reason: "it is off",
      body: make("part").pipe(step(Step.make("work", () => Effect.succeed({ worked: true }))))
    })
  )

  it.effect("runs where it holds, and is skipped with its reason where not", () =>
    Effect.gen(function* () {
      const on = yield* watched(run(p, { on: true }))
      expect(yield* on.exit).toEqual({ on: true, worked: true })
      const off = yield* watched(run(p, { on: false }))
      expect(yield* off.exit).toEqual({ on: false })
      expect(off.lines).toEqual([
        "RunStarted p",
        "StepStarted p/part",
        "StepSkipped p/part: it is off",
        "RunSucceeded p"
      ])
    })
  )
})

describe("parallel", () => {
  it.effect("keeps what a branch changes, whatever its neighbours hand on", () =>
    Effect.gen(function* () {
      const change = Step.make("change", () => Effect.succeed({ version: 2 }))
      const branches = Pipeline.parallel(change, make("other").pipe(step(pass("idle"))))
      const { exit } = yield* watched(run(make<{ readonly version: number }>("p").pipe(branches), { version: 1 }))
      expect(yield* exit).toEqual({ version: 2 })
    })
  )
})

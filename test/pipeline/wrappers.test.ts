import { describe, expect } from "bun:test"
import { Effect, Fiber, Schedule, Schema } from "effect"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Resource from "../../src/core/Resource.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../support/effect.ts"
import { Broken, fail, hold, inTime, never, pass, watched } from "./watch.ts"

const { make, run, step } = Pipeline

/** A step that acquires a resource, and fails the given number of times before it succeeds. */
const flaky = (failures: number) => {
  let attempts = 0
  return Step.make("flaky", () =>
    Effect.andThen(
      Resource.acquire("port", Effect.succeed(++attempts), () => Effect.void),
      attempts > failures ? Effect.succeed({ attempts }) : Effect.fail(new Broken({ what: `attempt ${attempts}` }))
    )
  )
}

describe("Step.retry", () => {
  it.effect("publishes each retry, and releases the resources of a failed attempt before the next one", () =>
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

  it.effect("fails with the last failure when the schedule ends", () =>
    Effect.gen(function* () {
      const { lines } = yield* inTime(run(make("p").pipe(step(flaky(9).pipe(Step.retry(Schedule.recurs(2))))), {}))
      expect(lines.filter((text) => text.startsWith("StepRetried"))).toHaveLength(2)
      expect(lines.at(-1)).toBe("RunFailed p: attempt 3 broke.")
    })
  )

  it.effect("does not retry after a defect or an interruption", () =>
    Effect.gen(function* () {
      for (const end of [Effect.die(new Error("boom")), Effect.interrupt]) {
        const broken = Step.make("broken", () => end).pipe(Step.retry(Schedule.forever))
        const { lines } = yield* inTime(run(make("p").pipe(step(broken)), {}))
        expect(lines.filter((text) => text.startsWith("StepRetried"))).toEqual([])
      }
    })
  )
})

describe("Step.timeout", () => {
  it.effect("stops a slow step, and the pipeline fails with its path and the limit", () =>
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

  it.effect("limits each attempt when applied before retry, and all attempts when applied after", () =>
    Effect.gen(function* () {
      const each = never("a").pipe(Step.timeout("10 seconds"), Step.retry(Schedule.recurs(2)))
      const all = never("b").pipe(Step.retry(Schedule.recurs(2)), Step.timeout("10 seconds"))
      expect((yield* inTime(run(make("p").pipe(step(each)), {}))).events.at(-1)).toMatchObject({ millis: 30_000 })
      expect((yield* inTime(run(make("p").pipe(step(all)), {}))).events.at(-1)).toMatchObject({ millis: 10_000 })
    })
  )
})

describe("Step.skipWhen", () => {
  const made = Step.make("make", () => Effect.succeed({ at: 5 }), { result: Schema.Struct({ at: Schema.Int }) })
  const careful = made.pipe(
    Step.skipWhen(({ dry }: { readonly dry: boolean }) => (dry ? "it is a rehearsal" : undefined)),
    Step.undo(() => Effect.die("there is nothing to undo"))
  )
  const p = make<{ readonly dry: boolean }>("p").pipe(step(careful))

  it.effect("skips the step with a reason, without adding anything, and does not undo it", () =>
    Effect.gen(function* () {
      const { exit, lines } = yield* watched(run(p, { dry: true }))
      expect(yield* exit).toEqual({ dry: true })
      expect(lines[2]).toBe("StepSkipped p/make: it is a rehearsal")
      const failed = yield* watched(run(p.pipe(step(fail("b"))), { dry: true }))
      expect(failed.lines.filter((text) => text.includes("undo"))).toEqual([])
    })
  )

  it.effect("shows nothing of a step that it skips quietly, and everything of one that it does not skip", () =>
    Effect.gen(function* () {
      const skips = ({ dry }: { readonly dry: boolean }) => (dry ? "it is a rehearsal" : undefined)
      const silent = make<{ readonly dry: boolean }>("p").pipe(step(made.pipe(Step.skipWhen(skips, { quiet: true }))))
      const skipped = yield* watched(run(silent, { dry: true }))
      expect(yield* skipped.exit).toEqual({ dry: true })
      expect(skipped.lines.filter((text) => text.includes("p/make"))).toEqual([])
      const ran = yield* watched(run(silent, { dry: false }))
      expect(yield* ran.exit).toEqual({ dry: false, at: 5 })
      expect(ran.lines.filter((text) => text.includes("p/make"))).toHaveLength(2)
    })
  )

  it.effect("runs the step if there is no reason", () =>
    Effect.gen(function* () {
      expect(yield* (yield* watched(run(p, { dry: false }))).exit).toEqual({ dry: false, at: 5 })
    })
  )
})

describe("Step.undo", () => {
  const log: Array<string> = []
  const undoable = (name: string) =>
    Step.make(name, () => Effect.succeed({ [name]: true })).pipe(
      Step.undo((added: object) => Effect.sync(() => log.push(`undo ${Object.keys(added).join()}`)))
    )
  const ends = (lines: ReadonlyArray<string>) => lines.filter((text) => /^(StepS.*undo|Resource|Run[^S])/.test(text))

  it.effect("runs in reverse order when a later step fails, before resources are released", () =>
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

  it.effect("runs to completion when the pipeline is interrupted", () =>
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

  it.effect("runs when the pipeline is interrupted while it releases resources", () =>
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

  it.effect("does not run if the pipeline succeeds, nor for the step that failed", () =>
    Effect.gen(function* () {
      yield* watched(run(make("p").pipe(step(undoable("a"))), {}))
      const failing = fail("b").pipe(Step.undo(() => Effect.sync(() => log.push("undo b"))))
      yield* watched(run(make("p").pipe(step(failing)), {}))
      expect(log).toEqual([])
    })
  )

  it.effect("runs when its own pipeline has ended and an enclosing one fails", () =>
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

  it.effect("runs only once, when the innermost pipeline fails", () =>
    Effect.gen(function* () {
      const inner = make("inner").pipe(step(undoable("b")), step(fail("c")))
      const { lines } = yield* watched(run(make("p").pipe(step(undoable("a")), Pipeline.pipeline(inner)), {}))
      expect(log.splice(0)).toEqual(["undo b", "undo a"])
      expect(lines.indexOf("StepSucceeded p/inner/b/undo")).toBeLessThan(lines.indexOf("StepFailed p/inner: c broke."))
    })
  )

  it.effect("publishes a failed or hanging undo, keeps the original failure, and runs the other undos", () =>
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

  it.effect("releases the resources that it acquires", () =>
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

describe("Pipeline.when", () => {
  const p = make<{ readonly on: boolean }>("p").pipe(
    Pipeline.when({
      if: ({ on }: { readonly on: boolean }) => on,
      reason: "it is off",
      body: make("part").pipe(step(Step.make("work", () => Effect.succeed({ worked: true }))))
    })
  )

  it.effect("runs the body if the condition holds, and skips it with the reason otherwise", () =>
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

describe("Pipeline.parallel", () => {
  it.effect("keeps what one branch changes, even if another passes on the old value", () =>
    Effect.gen(function* () {
      const change = Step.make("change", () => Effect.succeed({ version: 2 }))
      const branches = Pipeline.parallel(change, make("other").pipe(step(pass("idle"))))
      const { exit } = yield* watched(run(make<{ readonly version: number }>("p").pipe(branches), { version: 1 }))
      expect(yield* exit).toEqual({ version: 2 })
    })
  )
})

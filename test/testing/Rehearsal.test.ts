import { describe, expect, test } from "bun:test"
import { Cause, Effect, Exit } from "effect"
import { TestConsole } from "effect/testing"
import { ConfigInvalid } from "../../src/config/Problem.ts"

import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"
import { project, deploying, asking } from "./rehearsing.ts"

describe("a rehearsal", () => {
  it.effect("reports held resources and releases them in reverse order when interrupted", () =>
    Effect.gen(function* () {
      const run = yield* Rehearsal.run(
        deploy,
        { project },
        { answers: [Answer.when("jiji:pull.sh", Answer.hangs)], interrupt: "5 minutes" }
      )
      expect(run.events.at(-1)).toMatchObject({ _tag: "RunInterrupted", millis: 300_000 })
      const names = run.held.map(({ resource }) => resource)
      expect(names.toSorted()).toEqual([
        "connection to web1",
        "connection to web2",
        "local registry",
        "reverse forward from web1",
        "reverse forward from web2"
      ])
      expect(run.held.every(({ released }) => released)).toBe(true)
      const released = run.events.flatMap((event) => (event._tag === "ResourceReleased" ? [event.resource] : []))
      expect(released.slice(0, 2).toSorted()).toEqual(["reverse forward from web1", "reverse forward from web2"])
      expect(released[2]).toBe("local registry")
    })
  )

  it.effect("reports undone steps", () =>
    Effect.gen(function* () {
      const done = Step.make("done", () => Effect.void).pipe(Step.undo(() => Effect.void))
      const broken = Step.make("broken", () => Effect.fail("broken"))
      const pipeline = Pipeline.make("p").pipe(Pipeline.step(done), Pipeline.step(broken))
      expect((yield* Rehearsal.run(pipeline, {})).undone).toEqual(["p/done"])
    })
  )

  it.effect("publishes a step's log messages as events and prints nothing", () =>
    Effect.gen(function* () {
      const says = Step.make("says", () => Effect.logWarning("two", { words: 2 }))
      const run = yield* Rehearsal.run(Pipeline.make("p").pipe(Pipeline.step(says)), {})
      const noted = run.events.filter(({ _tag }) => _tag === "StepNoted")
      expect(noted).toMatchObject([{ path: "p/says", level: "warning", text: "two { words: 2 }" }])
      expect([...(yield* TestConsole.logLines), ...(yield* TestConsole.errorLines)]).toEqual([])
    })
  )

  it.effect("counts virtual time exactly, regardless of the work between waits", () =>
    Effect.gen(function* () {
      const busy = Effect.gen(function* () {
        for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
        yield* Effect.promise(() => Promise.resolve())
        yield* Effect.all([Effect.sleep("90 minutes"), Effect.sleep("1 second")], { concurrency: 2 })
      })
      const step = Step.make("busy", () => Effect.andThen(busy, busy))
      const run = yield* Rehearsal.run(Pipeline.make("p").pipe(Pipeline.step(step)), {})
      expect(run.events.at(-1)).toMatchObject({ _tag: "RunSucceeded", millis: 3 * 60 * 60 * 1000 })
      expect(run.events[0]?.time).toBe(0)
    })
  )

  it.live("waits for real work, and dies with a defect if that never ends", () =>
    Effect.gen(function* () {
      const real = Step.make("real", () => Effect.promise(() => Bun.sleep(20)))
      const never = Step.make("never", () => Effect.never)
      expect(Exit.isSuccess((yield* Rehearsal.run(Pipeline.make("p").pipe(Pipeline.step(real)), {})).exit)).toBe(true)
      const exit = yield* Effect.exit(Rehearsal.run(Pipeline.make("p").pipe(Pipeline.step(never)), {}))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({
        message: expect.stringMatching(
          /^The rehearsal did not end: after \d+s of real time, p\/never is waiting for something real, or .* `interrupt`\.$/
        )
      })
    })
  )

  it.live("names the step and the command when a command never gets an answer", () =>
    Effect.gen(function* () {
      const script = { answers: [Answer.when({ on: "web1", command: "ask" }, Answer.hangs)] }
      const exit = yield* Effect.exit(Rehearsal.run(asking("ask"), {}, script))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({
        message: expect.stringContaining('time, ask/servers[web1]/there is waiting for "ask" on web1. To test')
      })
    })
  )

  test("rejects wrong answers where they are made, and says what to pass", () => {
    const build = Answer.when("docker build", Answer.usual)
    expect(() => Answer.nth(0, build)).toThrow("Answer.nth got 0: pass a whole number, 1 for the first.")
    expect(() => Answer.times(-1, build)).toThrow("Answer.times got -1: pass a whole number, 1 or more.")
    expect(() => Answer.when({ on: "", command: "x" }, Answer.usual)).toThrow("Answer.when names no machine: pass")
    expect(() => Answer.when("", Answer.usual)).toThrow("Answer.when names no command: pass")
    expect(() => Answer.unreachable("")).toThrow("Answer.unreachable names no machine: pass")
    // A test that no compiler has checked may pass this.
    expect(() => Answer.slow("soon" as "1 second")).toThrow('Answer.slow got "soon": pass a duration such as')
    for (const answer of [Answer.unreachable("web7"), Answer.times(1, Answer.tunnelLost("web7"))]) {
      expect(() => deploying(answer)).toThrow(
        /^There is no machine "web7" \(answer: .*\)\. The machines are local, web1 and web2\.$/
      )
    }
  })

  test("makes a project from text like from a file, and throws its problems", () => {
    const text = "project: shop\nservers: { web1: { host: 203.0.113.10 } }\nservices: { web: { hosts: [web1] } }\n"
    expect(() => Rehearsal.project(text)).toThrow(ConfigInvalid)
    expect(() => Rehearsal.project(text)).toThrow("\ndeploy.yml:3 services.web: needs either build")
    const [web1, web2] = project.servers
    expect([web1?.port, web2?.port, project.root]).toEqual([undefined, 2222, "/project"])
  })
})

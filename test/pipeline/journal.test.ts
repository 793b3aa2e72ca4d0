import { describe, expect } from "bun:test"
import { Cause, Duration, Effect, Exit, Redacted, Schedule, Schema } from "effect"
import type { Event } from "../../src/core/Event.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { StoredResultUnreadable } from "../../src/pipeline/PipelineError.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { it } from "../support/effect.ts"
import { makeJournal, withJournal } from "./journaled.ts"
import { Broken, fail, inTime, pass, watched } from "./watch.ts"

const { make, run, step } = Pipeline
const Made = Schema.Struct({ made: Schema.String })

/** A step with a result that counts how often it has run. */
const counted = <const Name extends string>(name: Name, value = name as string) => {
  let runs = 0
  const made = Step.make(name, () => Effect.sync(() => ({ made: `${value} ${++runs}` })), { result: Made })
  return { made, runs: () => runs }
}

/** Fails on its first runs, then passes. */
const failsFirst = <const Name extends string>(name: Name, times = 1) => {
  let left = times
  return Step.make(name, () => (left-- > 0 ? Effect.fail(new Broken({ what: name })) : Effect.void))
}

const endOf = (events: ReadonlyArray<Event>, path: string) =>
  events.find((event) => event.path === path && /^Step(Succeeded|Skipped|Failed)$/.test(event._tag))

describe("a run with a journal", () => {
  it.effect("does not run a completed step again, and has its result in the state and in the events", () =>
    Effect.gen(function* () {
      const { made, runs } = counted("build")
      const seen: Array<unknown> = []
      const look = Step.make("look", ({ made }: { readonly made: string }) => Effect.sync(() => void seen.push(made)))
      const pipeline = make("release").pipe(step(made), step(look), step(failsFirst("ship")))
      const first = makeJournal()
      yield* watched(run(pipeline, {}).pipe(withJournal(first)))
      const again = makeJournal(first.entries, "first-run")
      const { events, exit } = yield* watched(run(pipeline, {}).pipe(withJournal(again)))
      expect(Exit.isSuccess(exit) && exit.value.made).toBe("build 1")
      expect(runs()).toBe(1)
      // A step without a result runs again.
      expect(seen).toEqual(["build 1", "build 1"])
      expect(events[0]).toMatchObject({ _tag: "RunStarted", resumes: "first-run" })
      expect(endOf(events, "release/build")).toMatchObject({
        _tag: "StepSucceeded",
        result: { made: "build 1" },
        resumed: true
      })
      expect(endOf(events, "release/ship")).not.toHaveProperty("resumed")
    })
  )

  it.effect("stores a result before the step's last event", () =>
    Effect.gen(function* () {
      const { journal, log } = makeJournal()
      const order: Array<string> = []
      const watching = {
        ...journal,
        write: (path: string, entry: Parameters<typeof journal.write>[1]) =>
          Effect.andThen(
            Effect.sync(() => void order.push("stored")),
            journal.write(path, entry)
          )
      }
      const pipeline = make("release").pipe(
        step(counted("build").made),
        Pipeline.on("StepSucceeded", () => Effect.sync(() => void order.push("event")))
      )
      yield* watched(run(pipeline, {}).pipe(withJournal({ journal: watching })))
      expect(order).toEqual(["stored", "event"])
      expect(log).toEqual(["write release/build"])
    })
  )

  it.effect("skips a step again for the reason that it had", () =>
    Effect.gen(function* () {
      let runs = 0
      const adds: typeof Made.Type = { made: "x" }
      const skips = Step.make("push", () => Effect.sync(() => Step.skip(`already there ${++runs}`, adds)), {
        result: Made
      })
      const pipeline = make("release").pipe(step(skips), step(fail("ship")))
      const first = makeJournal()
      yield* watched(run(pipeline, {}).pipe(withJournal(first)))
      const { events } = yield* watched(run(pipeline, {}).pipe(withJournal(makeJournal(first.entries))))
      expect(runs).toBe(1)
      expect(endOf(events, "release/push")).toMatchObject({
        _tag: "StepSkipped",
        reason: "already there 1",
        result: { made: "x" },
        resumed: true
      })
    })
  )

  it.effect("decides again about a step that skipWhen has skipped, but not about one that has run", () =>
    Effect.gen(function* () {
      const { made, runs } = counted("build")
      let isOff = true
      const pipeline = make("release").pipe(
        step(made.pipe(Step.skipWhen(() => (isOff ? "off" : undefined), { quiet: true }))),
        step(fail("ship"))
      )
      const journal = makeJournal()
      const again = run(pipeline, {}).pipe(withJournal(journal))
      yield* watched(again)
      expect(journal.entries.size).toBe(0)
      isOff = false
      yield* watched(again)
      expect(runs()).toBe(1)
      isOff = true
      const { events } = yield* watched(again)
      expect(endOf(events, "release/build")).toMatchObject({ _tag: "StepSucceeded", resumed: true })
      expect(runs()).toBe(1)
    })
  )

  it.effect("runs a step again that must look each time, or whose result no longer holds", () =>
    Effect.gen(function* () {
      let looks = 0
      let version = "1"
      const look = Step.make("look", () => Effect.sync(() => ({ seen: ++looks })), {
        result: Schema.Struct({ seen: Schema.Finite }),
        reuse: false
      })
      let starts = 0
      const start = Step.make(
        "start",
        ({ seen }: { readonly seen: number }) =>
          Effect.sync(() => {
            starts++
            return { made: version, at: seen }
          }),
        {
          result: Schema.Struct({ made: Schema.String, at: Schema.Finite }),
          reuse: ({ made }, { seen }) => made === version && seen > 0
        }
      )
      const pipeline = make("release").pipe(step(look), step(start), step(fail("ship")))
      const journal = makeJournal()
      const again = run(pipeline, {}).pipe(withJournal(journal))
      yield* watched(again)
      yield* watched(again)
      expect([looks, starts]).toEqual([2, 1])
      version = "2"
      yield* watched(again)
      expect([looks, starts]).toEqual([3, 2])
      // The old result is gone before the step runs again.
      expect(journal.log).toEqual(["write release/start", "forget release/start", "write release/start"])
    })
  )

  it.effect("undoes a step that an earlier process has completed, with what it had added", () =>
    Effect.gen(function* () {
      const undone: Array<string> = []
      const { made, runs } = counted("reserve")
      const pipeline = make("release").pipe(
        step(made.pipe(Step.undo(({ made }: typeof Made.Type) => Effect.sync(() => void undone.push(made))))),
        step(pass("look")),
        step(fail("ship"))
      )
      const first = makeJournal()
      // Killed before the undo.
      first.entries.set("release/reserve", { _tag: "Succeeded", result: { made: "earlier" } })
      const { events } = yield* watched(run(pipeline, {}).pipe(withJournal(first)))
      expect(undone).toEqual(["earlier"])
      expect(runs()).toBe(0)
      expect(events.map(({ path }) => path)).toContain("release/reserve/undo")
      // It is not done any more.
      expect([...first.entries.keys()]).toEqual([])
      yield* watched(run(pipeline, {}).pipe(withJournal(first)))
      expect(runs()).toBe(1)
    })
  )

  it.effect("forgets a step before its undo starts, and all steps of a pipeline before the pipeline's undo", () =>
    Effect.gen(function* () {
      const journal = makeJournal()
      const seen: Array<ReadonlyArray<string>> = []
      const remember = Effect.sync(() => void seen.push([...journal.entries.keys()]))
      const group = make("group").pipe(
        step(counted("one").made),
        step(counted("two").made.pipe(Step.undo(() => remember))),
        Pipeline.undo(() => remember)
      )
      const pipeline = make("release").pipe(
        step(counted("first").made.pipe(Step.undo(() => remember))),
        Pipeline.pipeline(group),
        step(fail("ship"))
      )
      yield* watched(run(pipeline, {}).pipe(withJournal(journal)))
      expect(seen).toEqual([["release/first"], ["release/first"], []])
    })
  )

  it.effect("does not store a step whose own run can be undone without it: a resumed run could not undo that", () =>
    Effect.gen(function* () {
      const journal = makeJournal()
      let inner = 0
      const child = make("child").pipe(step(counted("one").made.pipe(Step.undo(() => Effect.void))))
      const nest = Step.make("nest", () => Effect.as(run(child, {}), { nested: ++inner }), {
        result: Schema.Struct({ nested: Schema.Finite })
      })
      const pipeline = make("outer").pipe(step(nest), step(fail("ship")))
      yield* watched(run(pipeline, {}).pipe(withJournal(journal)))
      // Nor are the steps of a nested run.
      expect(journal.log).toEqual(["forget outer/nest"])
    })
  )

  it.effect("goes on with the attempt of a retried pipeline that was cut off", () =>
    Effect.gen(function* () {
      const { made, runs } = counted("build")
      const group = make("group").pipe(step(made), step(failsFirst("flaky", 3)), Pipeline.retry(Schedule.recurs(1)))
      const pipeline = make("release").pipe(Pipeline.pipeline(group))
      const first = makeJournal()
      yield* watched(run(pipeline, {}).pipe(withJournal(first)))
      expect(runs()).toBe(2)
      const { events, exit } = yield* watched(run(pipeline, {}).pipe(withJournal(makeJournal(first.entries))))
      expect(Exit.isSuccess(exit)).toBe(true)
      // The second attempt was the last one. Its build counts; then there is a third one.
      expect(endOf(events, "release/group[2]/build")).toMatchObject({ resumed: true })
      expect(endOf(events, "release/group[3]/build")).not.toHaveProperty("resumed")
      expect(runs()).toBe(3)
    })
  )

  it.effect("fails with the path if a stored result does not fit the schema, and does not retry that", () =>
    Effect.gen(function* () {
      const journal = makeJournal(new Map([["release/build", { _tag: "Succeeded", result: { made: 5 } }]]))
      const { made, runs } = counted("build")
      const pipeline = make("release").pipe(step(made.pipe(Step.retry(Schedule.recurs(3)))))
      const { events, exit } = yield* inTime(run(pipeline, {}).pipe(withJournal(journal)))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(StoredResultUnreadable)
      expect(endOf(events, "release/build")).toMatchObject({
        _tag: "StepFailed",
        failures: [{ tag: "StoredResultUnreadable", message: expect.stringContaining("release/build") }]
      })
      expect(runs()).toBe(0)
    })
  )

  it.effect("stores dates, maps and durations, but no result with a redacted value", () =>
    Effect.gen(function* () {
      const result = Schema.Struct({
        when: Schema.Date,
        sizes: Schema.ReadonlyMap(Schema.String, Schema.Finite),
        wait: Schema.Duration
      })
      const value: typeof result.Type = {
        when: new Date(0),
        sizes: new Map([["a", 1]]),
        wait: Duration.seconds(3)
      }
      let secrets = 0
      const token = Step.make("token", () => Effect.sync(() => (secrets++, { token: Redacted.make("hunter2") })), {
        result: Schema.Struct({ token: Schema.Redacted(Schema.String) })
      })
      const pipeline = make("release").pipe(
        step(Step.make("rich", () => Effect.succeed(value), { result })),
        step(token),
        step(failsFirst("ship"))
      )
      const journal = makeJournal()
      yield* watched(run(pipeline, {}).pipe(withJournal(journal)))
      expect([...journal.entries.keys()]).toEqual(["release/rich"])
      const { exit } = yield* watched(run(pipeline, {}).pipe(withJournal(journal)))
      expect(Exit.isSuccess(exit) && { when: exit.value.when, sizes: exit.value.sizes }).toEqual({
        when: value.when,
        sizes: value.sizes
      })
      expect(secrets).toBe(2)
    })
  )

  it.effect("keeps each item of a forEach by its key", () =>
    Effect.gen(function* () {
      const runs: Array<string> = []
      let isBroken = true
      const start = Step.make(
        "start",
        ({ server }: { readonly server: string }) =>
          Effect.suspend(() => {
            runs.push(server)
            return isBroken && server === "web2"
              ? Effect.fail(new Broken({ what: server }))
              : Effect.succeed({ made: server })
          }),
        { result: Made }
      )
      const on = (servers: ReadonlyArray<string>) =>
        make("release").pipe(
          Pipeline.forEach({
            name: "servers",
            as: "server",
            items: () => servers,
            key: (server) => server,
            body: make<{ readonly server: string }>("server").pipe(step(start)),
            collect: { as: "all", value: ({ made }) => made }
          })
        )
      const journal = makeJournal()
      yield* watched(run(on(["web1", "web2", "web3"]), {}).pipe(withJournal(journal)))
      isBroken = false
      const { exit } = yield* watched(run(on(["web3", "web2", "web1"]), {}).pipe(withJournal(journal)))
      expect(Exit.isSuccess(exit) && exit.value.all).toEqual(["web3", "web2", "web1"])
      expect(runs).toEqual(["web1", "web2", "web3", "web2"])
    })
  )

  it.effect("keeps no journal by default", () =>
    Effect.gen(function* () {
      const { made, runs } = counted("build")
      const pipeline = make("release").pipe(step(made))
      yield* watched(run(pipeline, {}))
      const { events } = yield* watched(run(pipeline, {}))
      expect(runs()).toBe(2)
      expect(events[0]).not.toHaveProperty("resumes")
    })
  )
})

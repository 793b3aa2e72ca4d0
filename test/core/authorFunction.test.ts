import { describe, expect } from "bun:test"
import { Effect, type Scope } from "effect"
import type { Events } from "../../src/core/Events.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Resource from "../../src/core/Resource.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"

/** A function with the wrong return type, as a file without type checking can have. */
const untyped = <F>(fn: () => unknown): F => fn as F
type Body = () => Effect.Effect<{}>

const before = Step.make("before", () => Effect.succeed({ a: 1 })).pipe(Step.undo(() => Effect.void))
const after = Step.make("after", () => Effect.sleep("1 second"))
const within = Pipeline.make("p").pipe(Pipeline.step(before))
const ended = (pipeline: Pipeline.Pipeline<{}, {}, unknown, Events | Scope.Scope>) =>
  Effect.map(Rehearsal.run(pipeline, {}, { handlers: true }), ({ events, failures, held, undone }) => {
    const open = events.reduce((count, { _tag }) => {
      if (_tag === "StepStarted") return count + 1
      return /^Step(Succeeded|Skipped|Failed|Interrupted)$/.test(_tag) ? count - 1 : count
    }, 0)
    return { failures, open, undone, last: events.at(-1)?._tag, held: held.map(({ released }) => released), events }
  })
const here = String.raw`\(at /.*/authorFunction\.test\.ts:\d+\)`

describe("a function with the wrong return type", () => {
  const late = () => Promise.reject(new Error("nobody sees this message"))
  const step = (run: Body) => within.pipe(Pipeline.step(Step.make("s", run)))
  const each = (items: () => ReadonlyArray<string>, key: (item: string) => string) =>
    within.pipe(Pipeline.forEach({ name: "xs", as: "x", items, key, body: Pipeline.make<{ readonly x: string }>("b") }))
  const faults: ReadonlyArray<readonly [string, () => Pipeline.Pipeline<{}, {}, unknown>, string]> = [
    ["an async step", () => step(untyped<Body>(late)), `^The step "s" returned a Promise, not an Effect ${here}$`],
    [
      "a step that returns undefined",
      () => step(untyped<Body>(() => undefined)),
      `^The step "s" returned undefined, not an Effect ${here}$`
    ],
    [
      "a step that returns an object",
      () => step(untyped<Body>(() => ({ a: 1 }))),
      `^The step "s" returned an object, not an Effect ${here}$`
    ],
    [
      "a callback inside a step",
      () =>
        step(() =>
          Effect.flatMap(
            Effect.void,
            untyped<Body>(() => Promise.resolve())
          )
        ),
      `^Code in the step "s" returned a Promise, not an Effect$`
    ],
    [
      "a promise as the result of a step",
      () => step(() => Effect.map(Effect.void, untyped<() => {}>(late))),
      `^Code in the step "s" returned a Promise, not an Effect$`
    ],
    [
      "the condition of a when",
      () => within.pipe(Pipeline.when({ if: untyped<(state: object) => boolean>(late), reason: "r", body: after })),
      '^The condition of "after" returned a Promise, not true or false$'
    ],
    ["the items of a forEach", () => each(untyped(late), String), '^The items of "xs" returned a Promise, not a list$'],
    [
      "the key of an item",
      () =>
        each(
          () => ["a"],
          untyped(() => 5)
        ),
      '^The key of "xs" returned 5, not a string$'
    ],
    [
      "the reason of skipWhen",
      () =>
        within.pipe(
          Pipeline.step(Step.make("s", () => Effect.void).pipe(Step.skipWhen(untyped<(state: object) => string>(late))))
        ),
      '^The skipWhen of the step "s" returned a Promise, not a reason or undefined$'
    ]
  ]
  for (const [name, made, message] of faults) {
    it.effect(`fails the node once and undoes the steps before it: ${name}`, () =>
      Effect.gen(function* () {
        const run = yield* ended(made())
        expect(run).toMatchObject({ open: 0, last: "RunFailed", undone: ["p/before"] })
        expect(run.failures).toEqual([
          { tag: "UnexpectedReturn", message: expect.stringMatching(new RegExp(message)), remedy: expect.any(String) }
        ])
      })
    )
  }

  it.effect("still runs the other undos if it is an undo", () =>
    Effect.gen(function* () {
      const bad = Step.make("s", () => Effect.void).pipe(Step.undo(untyped<Body>(late)))
      const run = yield* ended(within.pipe(Pipeline.step(bad), Pipeline.step(Step.make("f", () => Effect.fail("no")))))
      expect(run).toMatchObject({ open: 0, failures: [{ message: "no" }], undone: ["p/s", "p/before"] })
      const failed = run.events.find(({ _tag, path }) => _tag === "StepFailed" && path === "p/s/undo")
      expect(failed).toMatchObject({ failures: [{ message: expect.stringContaining('The undo of the step "s"') }] })
    })
  )

  it.effect("publishes a warning if it is a subscriber", () =>
    Effect.gen(function* () {
      const { events } = yield* ended(
        within.pipe(Pipeline.step(after), Pipeline.on("StepSucceeded", untyped<Body>(late)))
      )
      expect(events.at(-1)?._tag).toBe("RunSucceeded")
      expect(events.find(({ _tag }) => _tag === "StepNoted")).toMatchObject({
        text: expect.stringContaining("The handler returned a Promise, not an Effect")
      })
    })
  )

  it.effect("publishes clean: false and releases the rest if it is a release", () =>
    Effect.gen(function* () {
      const acquire = (name: string, release: Body) => Resource.acquire(name, Effect.succeed(1), release)
      const body = () =>
        Effect.asVoid(Effect.all([acquire("good", () => Effect.succeed({})), acquire("bad", untyped<Body>(late))]))
      const run = yield* ended(within.pipe(Pipeline.step(Step.make("s", body))))
      const released = run.events.flatMap((event) =>
        event._tag === "ResourceReleased" ? [[event.resource, event.clean]] : []
      )
      expect(released).toEqual([
        ["bad", false],
        ["good", true]
      ])
    })
  )
})

import { describe, expect } from "bun:test"
import { Context, Effect, Exit, Fiber, Layer } from "effect"
import { Events } from "../../src/core/Events.ts"
import { IsDryRun } from "../../src/core/IsDryRun.ts"
import * as Resource from "../../src/core/Resource.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { Rehearsal } from "../../src/testing/index.ts"
import * as Runnable from "../../src/steps/Runnable.ts"
import { it } from "../support/effect.ts"
import { Broken, fail, hold, inTime, never, pass, watched } from "./watch.ts"

class Chat extends Context.Service<Chat, { readonly id: number; readonly isOpen: () => boolean }>()("test/Chat") {}

/** A service that is open until its layer is released, and counts its instances. */
const chat = () => {
  let instances = 0
  return Layer.effect(
    Chat,
    Effect.suspend(() => {
      let open = true
      const id = ++instances
      const release = () => Effect.sync(() => void (open = false))
      return Resource.acquire(`chat ${id}`, Effect.succeed(Chat.of({ id, isOpen: () => open })), release)
    })
  )
}

/** Collects which instance was used where, and fails if it was released before. */
const usage = () => {
  const used: Array<string> = []
  const use = (where: string) =>
    Effect.flatMap(Chat, ({ id, isOpen }) => {
      used.push(`${where} ${id}`)
      return isOpen() ? Effect.void : Effect.die(new Error(`${where} uses a closed chat`))
    })
  return { used, use }
}

const { make, pipeline, provide, step } = Pipeline

describe("Pipeline.provide", () => {
  it.effect("builds the layer when the pipeline starts, and releases it after the resources of the steps", () =>
    Effect.gen(function* () {
      const { use, used } = usage()
      const inner = make("inner").pipe(step(hold("a")), step(Step.make("tell", () => use("tell"))), provide(chat()))
      const { lines } = yield* watched(run(make("p").pipe(pipeline(inner), step(pass("b"))), {}))
      expect(used).toEqual(["tell 1"])
      expect(lines).toEqual([
        "RunStarted p",
        "StepStarted p/inner",
        "ResourceAcquired p/inner: chat 1",
        "StepStarted p/inner/a",
        "ResourceAcquired p/inner/a: a",
        "StepSucceeded p/inner/a",
        "StepStarted p/inner/tell",
        "StepSucceeded p/inner/tell",
        "ResourceReleased p/inner/a: a",
        "ResourceReleased p/inner: chat 1",
        "StepSucceeded p/inner",
        "StepStarted p/b",
        "StepSucceeded p/b",
        "RunSucceeded p"
      ])
    })
  )

  it.effect("gives each item of a forEach its own instance", () =>
    Effect.gen(function* () {
      const { use, used } = usage()
      const body = make<{ readonly n: number }>("body").pipe(
        step(Step.make("tell", ({ n }: { readonly n: number }) => Effect.andThen(Effect.yieldNow, use(`item ${n}`)))),
        provide(chat())
      )
      const each = Pipeline.forEach({ name: "each", as: "n", items: () => [1, 2], key: String, body })
      const { lines } = yield* watched(run(make("p").pipe(each), {}))
      expect(used.toSorted()).toEqual(["item 1 1", "item 2 2"])
      for (const n of [1, 2]) {
        const released = lines.indexOf(`ResourceReleased p/each[${n}]: chat ${n}`)
        expect(released).toBeGreaterThan(0)
        expect(released).toBeLessThan(lines.indexOf(`StepSucceeded p/each[${n}]`))
      }
    })
  )

  it.effect("fails the pipeline if the layer cannot be built, and releases it if the pipeline fails", () =>
    Effect.gen(function* () {
      const broken = Layer.effect(Chat, Effect.fail(new Broken({ what: "the chat" })))
      const inner = make("inner").pipe(step(pass("a")), provide(broken))
      const { exit, lines } = yield* watched(run(make("p").pipe(pipeline(inner)), {}))
      expect(yield* Effect.flip(exit)).toEqual(new Broken({ what: "the chat" }))
      expect(lines.slice(1, 3)).toEqual(["StepStarted p/inner", "StepFailed p/inner: the chat broke."])

      const failed = yield* watched(run(make("p").pipe(step(fail("a")), provide(chat())), {}))
      expect(failed.lines.slice(-3)).toEqual([
        "StepFailed p/a: a broke.",
        "ResourceReleased p: chat 1",
        "RunFailed p: a broke."
      ])
    })
  )

  it.effect("releases the layer if the run is interrupted", () =>
    Effect.gen(function* () {
      const { lines } = yield* inTime(
        Effect.gen(function* () {
          const p = make("p").pipe(step(never("a")), provide(chat()))
          const fiber = yield* Effect.forkChild(run(p, {}), { startImmediately: true })
          yield* Fiber.interrupt(fiber)
        })
      )
      expect(lines.slice(-3)).toEqual(["StepInterrupted p/a", "ResourceReleased p: chat 1", "RunInterrupted p"])
    })
  )

  it.effect("undoes the steps if the run is interrupted while the layer is released", () =>
    Effect.gen(function* () {
      const slow = Layer.effectDiscard(Resource.acquire("slow", Effect.void, () => Effect.sleep("2 seconds")))
      const undoable = pass("a").pipe(Step.undo(() => Effect.void))
      const { lines } = yield* inTime(
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(run(make("p").pipe(step(undoable), provide(slow)), {}))
          yield* Effect.sleep("1 second")
          yield* Fiber.interrupt(fiber)
        })
      )
      expect(lines.slice(-2)).toEqual(["StepSucceeded p/a/undo", "RunInterrupted p"])
    })
  )

  it.effect("builds the layer again for an undo that runs after the pipeline has ended", () =>
    Effect.gen(function* () {
      const { use, used } = usage()
      const undoable = Step.make("a", () => use("do")).pipe(Step.undo(() => use("undo")))
      const inner = make("inner").pipe(step(undoable), provide(chat()))
      const late = yield* watched(run(make("p").pipe(pipeline(inner), step(fail("b"))), {}))
      expect(used.splice(0)).toEqual(["do 1", "undo 2"])
      expect(late.lines).toContain("StepSucceeded p/inner/a/undo")
      expect(late.lines).toContain("ResourceReleased p/inner/a/undo: chat 2")

      const early = make("inner").pipe(step(undoable), step(fail("b")), provide(chat()))
      yield* watched(run(make("p").pipe(pipeline(early)), {}))
      expect(used).toEqual(["do 1", "undo 1"])
    })
  )

  it.effect("builds it again for the undos of a run that a step has started", () =>
    Effect.gen(function* () {
      const { use, used } = usage()
      const child = make("child").pipe(step(pass("a").pipe(Step.undo(() => use("undo")))))
      const inner = make("inner").pipe(step(Step.make("start", () => run(child, {}))), provide(chat()))
      const { lines } = yield* watched(
        Effect.andThen(Effect.ignore(run(make("p").pipe(pipeline(inner), step(fail("b"))), {})), Effect.void)
      )
      expect(used).toEqual(["undo 2"])
      expect(lines.filter((line) => line.startsWith("StepFailed"))).toEqual([])
    })
  )

  it.effect(
    "shares the instance of the whole pipeline with its handlers, and gives those of a nested one their own",
    () =>
      Effect.gen(function* () {
        const { use, used } = usage()
        const tell = Step.make("tell", () => use("step"))
        const inner = make("inner").pipe(
          step(tell),
          Pipeline.on("StepStarted", ({ path }) => use(`handler of ${path}`)),
          provide(chat())
        )
        yield* watched(run(inner, {}))
        expect(used.splice(0)).toEqual(["step 1", "handler of inner/tell 1"])
        const nested = inner.pipe(provide(chat()))
        yield* watched(run(make("p").pipe(pipeline(nested)), {}))
        expect(used.filter((each) => each.startsWith("handler"))).toEqual([
          "handler of p/inner 3",
          "handler of p/inner/tell 3"
        ])
      })
  )

  it.effect("keeps the layer of the whole pipeline for work in the background", () =>
    Effect.gen(function* () {
      const { use, used } = usage()
      const work = Effect.andThen(Effect.sleep("10 seconds"), use("work"))
      const p = make("p").pipe(step(Step.make("a", () => Step.inBackground("work", work))), provide(chat()))
      const { lines } = yield* inTime(run(p, {}))
      expect(used).toEqual(["work 1"])
      expect(lines.at(-1)).toBe("RunSucceeded p")
    })
  )
})

describe("the layers of Runnable.make", () => {
  const live = Layer.succeed(Chat, { id: 1, isOpen: () => true })
  const rehearsal = Layer.succeed(Chat, { id: 2, isOpen: () => true })
  const tell = Step.make("tell", () => Effect.map(Chat, ({ id }) => ({ id })))
  const plain = make<Runnable.RunInput>("p").pipe(step(tell))
  const project = Rehearsal.project({
    project: "shop",
    servers: { web1: { host: "203.0.113.10" } },
    services: { web: { image: "nginx:1.27", hosts: ["web1"] } }
  })

  it.effect("are the live ones in a live run, and the others in a dry run", () =>
    Effect.gen(function* () {
      const runnable = Runnable.make({ description: "x", pipeline: plain, layers: { live, rehearsal } })
      // The type of a Runnable does not have the state of its pipeline.
      const provided = runnable.pipeline as Pipeline.Pipeline<
        Runnable.RunInput,
        { readonly id: number },
        unknown,
        Events
      >
      for (const isDryRun of [false, true]) {
        const { exit } = yield* watched(Effect.provideService(run(provided, { project }), IsDryRun, isDryRun))
        expect(Exit.map(exit, ({ id }) => id)).toEqual(Exit.succeed(isDryRun ? 2 : 1))
      }
    })
  )

  it.effect("are also provided to a pipeline that was changed by path", () =>
    Effect.gen(function* () {
      const changed = plain.pipe(Pipeline.insertAfter("p/tell", pass("more")))
      const runnable = Runnable.make({ description: "x", pipeline: changed, layers: { live, rehearsal } })
      // The same, in a Result.
      const { success } = runnable.pipeline as unknown as {
        readonly success: Pipeline.Pipeline<{}, {}, unknown, Events>
      }
      const { lines } = yield* watched(run(success, {}))
      expect(lines).toContain("StepSucceeded p/more")
    })
  )
})

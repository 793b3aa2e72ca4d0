import { expect, test } from "bun:test"
import { Effect, Exit, Fiber, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import type { Event } from "../../src/pipeline/Event.ts"
import { Events } from "../../src/pipeline/Events.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Resource from "../../src/pipeline/Resource.ts"
import { run } from "../../src/pipeline/run.ts"
import { Scrubber } from "../../src/pipeline/Scrubber.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"

/** What a step does, after it has slept for as many seconds as it is told. */
type Kind = "pass" | "hold" | "skip" | "fail" | "die" | "misfit" | "stuck"

type Shape =
  | { readonly _tag: "step"; readonly kind: Kind; readonly sleeps: number }
  | { readonly _tag: "pipeline"; readonly nodes: ReadonlyArray<Shape> }
  | { readonly _tag: "parallel"; readonly nodes: ReadonlyArray<Shape> }
  | {
      readonly _tag: "forEach"
      readonly nodes: ReadonlyArray<Shape>
      readonly items: number
      readonly concurrency: number
      readonly onFailure: "stop" | "continue"
    }

const { shape } = fc.letrec<{ shape: Shape }>((tie) => {
  const nodes = fc.array(tie("shape"), { maxLength: 4 })
  const kind = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("pass", "hold", "skip" as Kind) },
    { weight: 1, arbitrary: fc.constantFrom("fail", "die", "misfit", "stuck" as Kind) }
  )
  return {
    shape: fc.oneof(
      { maxDepth: 3, depthIdentifier: "shape" },
      fc.record({ _tag: fc.constant("step" as const), kind, sleeps: fc.integer({ min: 0, max: 3 }) }),
      fc.record({ _tag: fc.constant("pipeline" as const), nodes }),
      fc.record({ _tag: fc.constant("parallel" as const), nodes }),
      fc.record({
        _tag: fc.constant("forEach" as const),
        nodes,
        items: fc.integer({ min: 0, max: 3 }),
        concurrency: fc.integer({ min: 1, max: 3 }),
        onFailure: fc.constantFrom("stop" as const, "continue" as const)
      })
    )
  }
})

/** A step, and the names of what it has acquired and released, in order. */
const step = (name: string, kind: Kind, sleeps: number) =>
  Step.make(
    name,
    Effect.fnUntraced(function* () {
      yield* Effect.sleep(sleeps * 1000)
      switch (kind) {
        case "hold":
          return yield* Resource.acquire(name, Effect.as(Effect.sleep("1 second"), {}), () => Effect.sleep("1 second"))
        case "stuck":
          return yield* Resource.acquire(name, Effect.succeed({}), () => Effect.never)
        case "skip":
          return Step.skip("nothing to do", {})
        case "fail":
          return yield* Effect.fail(name)
        case "die":
          return yield* Effect.die(name)
        case "misfit":
          // What a step without types could do: it adds what its schema does not describe.
          return { made: 5 } as {}
        case "pass":
          return {}
      }
    }),
    // The compiler keeps this from authors; at run time a schema may still refuse what a step has made.
    kind === "misfit" ? { result: Schema.Struct({ made: Schema.String }) as unknown as Schema.Codec<{}, unknown> } : {}
  )

type Any = Pipeline.Pipeline<{}, {}, unknown, Events>

let names = 0
const build = (nodes: ReadonlyArray<Shape>): Any => {
  let whole: Any = Pipeline.make(`p${++names}`) as Any
  for (const node of nodes) {
    const name = `n${++names}`
    switch (node._tag) {
      case "step":
        whole = whole.pipe(Pipeline.step(step(name, node.kind, node.sleeps))) as Any
        break
      case "pipeline":
        whole = whole.pipe(Pipeline.pipeline(build(node.nodes))) as Any
        break
      case "parallel":
        whole = whole.pipe(Pipeline.parallel(...node.nodes.map((each) => build([each])))) as Any
        break
      case "forEach": {
        const { concurrency, items, onFailure } = node
        whole = whole.pipe(
          Pipeline.forEach({
            name,
            as: "item",
            items: () => Array.from({ length: items }, (_, n) => n),
            key: String,
            strategy: Strategy.parallel({ concurrency, onFailure }),
            body: build(node.nodes) as Pipeline.Pipeline<{ readonly item: number }, {}, unknown, Events>
          })
        ) as Any
      }
    }
  }
  return whole
}

/** Runs a pipeline, interrupted after some seconds where it has not ended by then; all its events. */
const events = (pipeline: Any, seconds: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const stream = yield* (yield* Events).subscribe
      const seen: Array<Event> = []
      const reader = yield* Effect.forkChild(
        stream.pipe(
          Stream.takeUntil((event) => /^Run(Succeeded|Failed|Interrupted)$/.test(event._tag)),
          Stream.runForEach((event) => Effect.sync(() => seen.push(event)))
        )
      )
      const fiber = yield* Effect.forkChild(run(pipeline, {}))
      yield* TestClock.adjust(seconds * 1000)
      const ending = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.join(ending)
      yield* Fiber.join(reader)
      return { exit: yield* Fiber.await(fiber), seen }
    })
  ).pipe(Effect.provide(Layer.merge(Events.layer.pipe(Layer.provideMerge(Scrubber.layer)), TestClock.layer())))

const parent = (path: string): string =>
  path.endsWith("]") ? path.slice(0, path.lastIndexOf("[")) : path.slice(0, path.lastIndexOf("/"))

test("whatever happens in a pipeline, its events tell the whole of it, and nothing stays acquired", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(shape, { maxLength: 4 }), fc.integer({ min: 0, max: 20 }), async (nodes, seconds) => {
      const { exit, seen } = await Effect.runPromise(events(build(nodes), seconds))

      // Numbered without a gap, of one run, in the order of time.
      expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1))
      expect(new Set(seen.map((event) => event.run)).size).toBe(1)
      expect(seen.map(({ time }) => time)).toEqual(seen.map(({ time }) => time).sort((a, b) => a - b))
      expect(seen[0]?._tag).toBe("RunStarted")
      expect(seen.at(-1)?._tag).toBe(
        Exit.isSuccess(exit)
          ? "RunSucceeded"
          : Exit.hasInterrupts(exit) && !Exit.hasFails(exit) && !Exit.hasDies(exit)
            ? "RunInterrupted"
            : "RunFailed"
      )

      // Every node begins once and ends once, within the node that holds it.
      const open: Array<string> = []
      const ended = new Set<string>()
      const held: Array<string> = []
      for (const event of seen) {
        const { path } = event
        if (event._tag === "StepStarted") {
          expect(open).not.toContain(path)
          expect(ended).not.toContain(path)
          if (path.split("/").length > 2) expect(ended).not.toContain(parent(path))
          open.push(path)
        }
        if (/^Step(Succeeded|Skipped|Failed|Interrupted)$/.test(event._tag)) {
          expect(open).toContain(path)
          expect(open.filter((each) => each.startsWith(`${path}/`) || each.startsWith(`${path}[`))).toEqual([])
          open.splice(open.indexOf(path), 1)
          ended.add(path)
          // What was acquired within has been released by now, unless it is the step's own.
          const within = held.filter((each) => each.startsWith(`${path}/`) || each.startsWith(`${path}[`))
          expect(within).toEqual([])
        }
        if (event._tag === "ResourceAcquired") held.push(path)
        if (event._tag === "ResourceReleased") {
          expect(held).toContain(path)
          // The last that was acquired in its pipeline goes first.
          const neighbours = held.filter((each) => parent(each) === parent(path))
          expect(neighbours.at(-1)).toBe(path)
          held.splice(held.indexOf(path), 1)
        }
      }
      expect(open).toEqual([])
      expect(held).toEqual([])
    }),
    { numRuns: 200 }
  )
}, 30_000)

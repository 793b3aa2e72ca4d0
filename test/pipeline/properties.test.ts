import { expect, test } from "bun:test"
import { Effect, Exit, Fiber, Layer, Schedule, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import type { Event } from "../../src/core/Event.ts"
import { Events } from "../../src/core/Events.ts"
import * as NameTracker from "../../src/core/NameTracker.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Resource from "../../src/core/Resource.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import * as VirtualTime from "../../src/testing/VirtualTime.ts"

/** What a step does after sleeping for `sleeps` seconds. */
type Kind = "pass" | "hold" | "skip" | "fail" | "odd" | "flaky" | "die" | "misfit" | "stuck" | "promise" | "nothing"
type Undo = "none" | "good" | "fails" | "hangs"
type Step = {
  readonly _tag: "step"
  readonly kind: Kind
  readonly sleeps: number
  readonly retries: number
  readonly timeout: number
  readonly undo: Undo
}

/** What is around a pipeline. */
type Around = {
  readonly provides: boolean
  readonly retries: number
  readonly timeout: number
  readonly undo: Undo
  /** Retries, then provides. Otherwise the other way round. */
  readonly retriesFirst: boolean
}

type Shape =
  | Step
  | { readonly _tag: "pipeline"; readonly nodes: ReadonlyArray<Shape>; readonly around: Around }
  | {
      readonly _tag: "call"
      readonly nodes: ReadonlyArray<Shape>
      readonly around: Around
      readonly dynamic: boolean
      readonly collects: boolean
    }
  | { readonly _tag: "parallel"; readonly nodes: ReadonlyArray<Shape> }
  | { readonly _tag: "when"; readonly nodes: ReadonlyArray<Shape>; readonly holds: boolean }
  | {
      readonly _tag: "choose"
      readonly nodes: ReadonlyArray<Shape>
      readonly others: ReadonlyArray<Shape>
      readonly holds: boolean
    }
  | {
      readonly _tag: "forEach"
      readonly nodes: ReadonlyArray<Shape>
      readonly items: number
      readonly around: Around
      readonly outcomes: boolean
      readonly strategy: Strategy.Strategy
    }

const onFailure = fc.constantFrom("stop", "continue", "undo" as const)
const bound = fc.integer({ min: 1, max: 3 })
const simple = fc.oneof(
  fc.record({ concurrency: bound, onFailure }).map(Strategy.parallel),
  fc.record({ batch: bound, onFailure }).map(Strategy.rolling)
)
const strategy = fc.oneof(simple, fc.record({ first: bound, rest: simple }).map(Strategy.canary))

const { shape } = fc.letrec<{ shape: Shape }>((tie) => {
  const nodes = fc.array(tie("shape"), { maxLength: 4 })
  const kind = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom("pass", "hold", "skip" as Kind) },
    {
      weight: 1,
      arbitrary: fc.constantFrom("fail", "odd", "odd", "flaky", "die", "misfit", "stuck", "promise", "nothing" as Kind)
    }
  )
  const seldom = (value: number) =>
    fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: value }) })
  const around = fc.record({
    provides: fc.boolean(),
    retries: seldom(2),
    timeout: seldom(6),
    undo: fc.constantFrom("none", "none", "good", "fails" as Undo),
    retriesFirst: fc.boolean()
  })
  return {
    shape: fc.oneof(
      { maxDepth: 3, depthIdentifier: "shape" },
      fc.record({
        _tag: fc.constant("step" as const),
        kind,
        sleeps: fc.integer({ min: 0, max: 3 }),
        retries: seldom(2),
        timeout: seldom(3),
        undo: fc.constantFrom("none", "good", "good", "fails", "hangs" as Undo)
      }),
      fc.record({ _tag: fc.constant("pipeline" as const), nodes, around }),
      fc.record({
        _tag: fc.constant("call" as const),
        nodes,
        around,
        dynamic: fc.boolean(),
        collects: fc.boolean()
      }),
      fc.record({ _tag: fc.constant("parallel" as const), nodes }),
      fc.record({ _tag: fc.constant("when" as const), nodes, holds: fc.boolean() }),
      fc.record({ _tag: fc.constant("choose" as const), nodes, others: nodes, holds: fc.boolean() }),
      fc.record({
        _tag: fc.constant("forEach" as const),
        nodes,
        items: fc.integer({ min: 0, max: 3 }),
        strategy,
        outcomes: fc.boolean(),
        around
      })
    )
  }
})

/** Counts how often each resource was released, independently of events. The index in `released` is the id of the resource. */
const holding = () => {
  const released: Array<number> = []
  const acquire = (name: string, acquiring: number, releasing: Effect.Effect<void>) =>
    Resource.acquire(
      name,
      Effect.sleep(acquiring * 1000).pipe(
        Effect.andThen(Effect.yieldNow),
        Effect.map(() => ({ id: released.push(0) - 1 }))
      ),
      ({ id }) =>
        Effect.andThen(
          Effect.sync(() => (released[id] = (released[id] ?? 0) + 1)),
          releasing
        )
    )
  return { released, acquire }
}
type Holding = ReturnType<typeof holding>

const undos: Record<Undo, Effect.Effect<unknown, string>> = {
  none: Effect.void,
  good: Effect.sleep("1 second"),
  fails: Effect.fail("undo"),
  hangs: Effect.never
}

const step = (name: string, { kind, retries, sleeps, timeout, undo }: Step, { acquire }: Holding) => {
  let attempts = 0
  const body = Effect.fnUntraced(function* ({ item = 0 }: { readonly item?: number }) {
    attempts++
    yield* sleeps === 0 ? Effect.yieldNow : Effect.sleep(sleeps * 1000)
    switch (kind) {
      case "hold":
        yield* acquire(name, 1, Effect.sleep("1 second"))
        return {}
      case "stuck":
        yield* acquire(name, 0, Effect.never)
        return {}
      case "skip":
        return Step.skip("nothing to do", {})
      case "flaky":
        yield* acquire(name, 0, Effect.void)
        return attempts % 2 === 1 ? yield* Effect.fail(name) : {}
      case "fail":
        return yield* Effect.fail(name)
      case "odd":
        return item % 2 === 1 ? yield* Effect.fail(name) : {}
      case "die":
        return yield* Effect.die(name)
      case "misfit":
        // A step without type checking can add something that its schema does not describe.
        return { made: 5 } as {}
      case "nothing":
        yield* acquire(name, 0, Effect.void)
        // Code without type checking can return undefined instead of an Effect.
        return yield* Effect.flatMap(Effect.void, () => undefined as unknown as Effect.Effect<{}>)
      case "pass":
      case "promise":
        return {}
    }
  })
  const plain = Step.make(
    name,
    (state: { readonly item?: number }) =>
      // A step without type checking can be an async function.
      kind === "promise" ? (Promise.reject(new Error(name)) as unknown as ReturnType<typeof body>) : body(state),
    // This schema does not compile without a cast, but at run time a schema can still reject a result.
    kind === "misfit" ? { result: Schema.Struct({ made: Schema.String }) as unknown as Schema.Codec<{}, unknown> } : {}
  )
  const again = Schedule.recurs(retries).pipe(Schedule.addDelay(() => Effect.succeed("1 second")))
  const retried = retries === 0 ? plain : plain.pipe(Step.retry(again))
  const limited = timeout === 0 ? retried : retried.pipe(Step.timeout(timeout * 1000))
  return undo === "none" ? limited : limited.pipe(Step.undo(() => undos[undo], { within: "4 seconds" }))
}

type Any = Pipeline.Pipeline<{}, {}, unknown, Events>

/**
 * Builds a pipeline of the given shapes. `modes` has the onFailure of each forEach by name, `tolerant` the names of those that
 * collect outcomes, `chosen` the pipelines that functions choose, under the names of their calls.
 */
const builder = (held: Holding) => {
  let names = 0
  const modes = new Map<string, Strategy.OnFailure>()
  const tolerant = new Set<string>()
  const chosen: Array<Pipeline.Description> = []
  const wrapped = (pipeline: Any, name: string, { provides, retries, retriesFirst, timeout, undo }: Around): Any => {
    const layer = Layer.effectDiscard(held.acquire(`layer of ${name}`, 1, Effect.sleep("1 second")))
    const again = Schedule.recurs(retries).pipe(Schedule.addDelay(() => Effect.succeed("1 second")))
    const wrappers: ReadonlyArray<(pipeline: Any) => Any> = [
      (self) => (timeout === 0 ? self : self.pipe(Pipeline.timeout(timeout * 1000))),
      (self) => (undo === "none" ? self : self.pipe(Pipeline.undo(() => undos[undo], { within: "4 seconds" }))),
      (self) => (retries === 0 || !retriesFirst ? self : self.pipe(Pipeline.retry(again))),
      (self) => (provides ? self.pipe(Pipeline.provide(layer)) : self),
      (self) => (retries === 0 || retriesFirst ? self : self.pipe(Pipeline.retry(() => again)))
    ]
    return wrappers.reduce((self, wrap) => wrap(self), pipeline)
  }
  const build = (nodes: ReadonlyArray<Shape>): Any => {
    let pipeline: Any = Pipeline.make(`p${++names}`)
    for (const node of nodes) {
      const name = `n${++names}`
      switch (node._tag) {
        case "step":
          pipeline = pipeline.pipe(Pipeline.step(step(name, node, held)))
          break
        case "pipeline":
          pipeline = pipeline.pipe(Pipeline.pipeline(wrapped(build(node.nodes), name, node.around)))
          break
        case "call": {
          const called = wrapped(build(node.nodes), name, node.around)
          const collect = { as: `value of ${name}`, value: () => 1 }
          if (node.dynamic) chosen.push({ ...Pipeline.describe(called), name } as Pipeline.Description)
          pipeline = pipeline.pipe(
            Pipeline.call(
              name,
              node.dynamic ? () => called : called,
              () => ({ item: 1 }),
              node.collects ? collect : undefined
            )
          )
          break
        }
        case "parallel":
          pipeline = pipeline.pipe(Pipeline.parallel(...node.nodes.map((each) => build([each])))) as Any
          break
        case "when":
          pipeline = pipeline.pipe(Pipeline.when({ if: () => node.holds, reason: "off", body: build(node.nodes) }))
          break
        case "choose":
          pipeline = pipeline.pipe(
            Pipeline.choose({ if: () => node.holds, body: build(node.nodes), else: build(node.others) })
          )
          break
        case "forEach": {
          const { around, items, outcomes, strategy } = node
          modes.set(name, Strategy.onFailure(strategy))
          if (outcomes) tolerant.add(name)
          const collect = { as: `all ${name}`, value: () => undefined, outcomes }
          pipeline = pipeline.pipe(
            Pipeline.forEach({
              name,
              as: "item",
              items: () => Array.from({ length: items }, (_, n) => n),
              key: String,
              strategy,
              collect,
              body: wrapped(build(node.nodes), name, around) as Pipeline.Pipeline<
                { readonly item: number },
                {},
                unknown,
                Events
              >
            })
          )
        }
      }
    }
    return pipeline
  }
  return { build, chosen, modes, tolerant }
}

/** When to interrupt a run: after some seconds, or some turns of the event loop after the nth event (starting at 1). */
type At = { readonly seconds: number } | { readonly event: number; readonly turns: number }

const isLast = ({ _tag }: { readonly _tag: string }): boolean => /^Run(Succeeded|Failed|Interrupted)$/.test(_tag)

/** Runs a pipeline and interrupts it at the given moment, unless it has ended. Returns its events. */
const events = (pipeline: Any, at: At) =>
  Effect.scoped(
    Effect.gen(function* () {
      const real = yield* Events
      const stream = yield* real.subscribe
      const seen: Array<Event> = []
      const reader = yield* Effect.forkChild(
        stream.pipe(
          Stream.takeUntil(isLast),
          Stream.runForEach((event) => Effect.sync(() => seen.push(event)))
        )
      )
      let interrupt = () => {}
      const after = (turns: number): void => void setImmediate(() => (turns === 0 ? interrupt() : after(turns - 1)))
      let published = 0
      const publish: (typeof real)["publish"] = (body) =>
        Effect.tap(real.publish(body), () => {
          // Interrupt between two tasks of the event loop, as a signal does. After the last event the run has ended.
          if ("event" in at && ++published === at.event && !isLast(body)) after(at.turns)
          return Effect.void
        })
      const held = NameTracker.make()
      const running = Effect.withFiber((fiber) => {
        interrupt = () => fiber.interruptUnsafe()
        return run(pipeline, {})
      }).pipe(
        Effect.provideService(Events, { ...real, publish }),
        Effect.provideService(NameTracker.HeldResources, held)
      )
      const exit = yield* VirtualTime.run(running, "seconds" in at ? at.seconds * 1000 : undefined)
      yield* Fiber.join(reader)
      return { exit, seen, held: held.names() }
    })
  ).pipe(Effect.provide(Layer.merge(Events.layer.pipe(Layer.provideMerge(Scrubber.layer)), TestClock.layer())))

const parent = (path: string): string =>
  path.endsWith("]") ? path.slice(0, path.lastIndexOf("[")) : path.slice(0, path.lastIndexOf("/"))
const isUndo = (path: string): boolean => path.endsWith("/undo")
const isEnd = ({ _tag }: Event): boolean => /^Step(Succeeded|Skipped|Failed|Interrupted)$/.test(_tag)

/** Checks that events are numbered without gaps, belong to one run, are sorted by time, and begin and end with those of the run. */
const checkOrder = (seen: ReadonlyArray<Event>, exit: Exit.Exit<unknown, unknown>) => {
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
}

/** Checks that every node starts once and ends once while its parent runs, and that its resources are released in time. */
const checkNesting = (seen: ReadonlyArray<Event>) => {
  const open = new Map<string, number>()
  const ended = new Set<string>()
  const held: Array<string> = []
  const kinds = new Map(seen.flatMap((event) => (event._tag === "StepStarted" ? [[event.path, event.kind]] : [])))
  const isWithin = (path: string) => (each: string) => each.startsWith(`${path}/`) || each.startsWith(`${path}[`)
  for (const event of seen) {
    const { path } = event
    if (event._tag === "StepStarted") {
      expect(open.has(path)).toBe(false)
      expect(ended).not.toContain(path)
      // An undo starts after its step has ended, and maybe after the pipeline of the step.
      if (path.split("/").length > 2 && !isUndo(path)) expect(ended).not.toContain(parent(path))
      open.set(path, 0)
    }
    if (event._tag === "StepRetried") {
      expect(event.attempt).toBe((open.get(path) ?? Number.NaN) + 1)
      open.set(path, event.attempt)
      // What a failed attempt acquired is released. A layer around all attempts of a pipeline is not.
      expect(held.filter(isWithin(path))).toEqual([])
      if (kinds.get(path) === "step") expect(held).not.toContain(path)
    }
    if (isEnd(event)) {
      expect(open.delete(path)).toBe(true)
      expect([...open.keys()].filter(isWithin(path))).toEqual([])
      ended.add(path)
      // Resources of the nodes below have been released by now. Those of the step itself stay until its pipeline ends.
      expect(held.filter(isWithin(path))).toEqual([])
    }
    if (event._tag === "ResourceAcquired") held.push(path)
    if (event._tag === "ResourceReleased") {
      expect(held).toContain(path)
      // Within a pipeline, resources are released in reverse order, except those of a failed attempt.
      const neighbours = held.filter((each) => parent(each) === parent(path))
      if (!open.has(path)) expect(neighbours.at(-1)).toBe(path)
      held.splice(held.indexOf(path), 1)
    }
  }
  expect([...open.keys()]).toEqual([])
  expect(held).toEqual([])
}

/**
 * Checks that every completed step and pipeline with an undo is undone if an attempt, a pipeline, an item or the run around it
 * did not succeed, except in items that stay as they are after another item failed. Within a pipeline, undos run in reverse
 * order, one at a time.
 */
const checkUndos = (
  seen: ReadonlyArray<Event>,
  undoable: (path: string) => boolean,
  modes: ReadonlyMap<string, Strategy.OnFailure>,
  tolerant: ReadonlySet<string>
) => {
  const ends = new Map(seen.filter(isEnd).map((event) => [event.path, event._tag]))
  const kinds = new Map(seen.flatMap((event) => (event._tag === "StepStarted" ? [[event.path, event.kind]] : [])))
  const retried = new Set(seen.flatMap(({ _tag, path }) => (_tag === "StepRetried" ? [path] : [])))
  const [{ path: root = "" } = {}] = seen
  const isItemOf = (path: string, forEach: string) => kinds.get(path) === "item" && parent(path) === forEach
  const isUndone = (path: string): boolean => {
    if (path === root) return seen.at(-1)?._tag !== "RunSucceeded"
    const around = parent(path)
    const name = around.slice(around.lastIndexOf("/") + 1)
    if (kinds.get(around) === "forEach" && ends.get(around) === "StepFailed" && ends.get(path) === "StepSucceeded") {
      return modes.get(name) === "undo"
    }
    // A forEach that collects outcomes succeeds, but may have undone its items.
    const failed = [...ends].some(([item, tag]) => tag === "StepFailed" && isItemOf(item, around))
    if (tolerant.has(name) && failed && modes.get(name) === "undo") return true
    // The first attempt of a retried pipeline has no node of its own, and has failed.
    if (retried.has(around) && !path.startsWith(`${around}[`)) return true
    return (around !== root && ends.get(around) !== "StepSucceeded") || isUndone(around)
  }
  const isAttempt = (path: string) => kinds.get(path) === "pipeline" && path.endsWith("]")
  const done = seen.flatMap((event) =>
    event._tag === "StepSucceeded" && undoable(event.path) && !isAttempt(event.path) && event.kind !== "forEach"
      ? [event.path]
      : []
  )
  const expected = done.filter(isUndone)
  const begun = seen.flatMap(({ _tag, path }) => (_tag === "StepStarted" && isUndo(path) ? [parent(path)] : []))
  expect(begun.toSorted()).toEqual(expected.toSorted())
  for (const pipeline of new Set(begun.map(parent))) {
    const own = (path: string) => parent(path) === pipeline
    expect(begun.filter(own)).toEqual(expected.filter(own).toReversed())
    const isTurn = (event: Event) => event._tag === "StepStarted" || isEnd(event)
    const turns = seen.filter((event) => isTurn(event) && isUndo(event.path) && own(parent(event.path)))
    expect(turns.map(({ _tag }) => _tag === "StepStarted")).toEqual(turns.map((_, index) => index % 2 === 0))
  }
}

/** Returns the names of the nodes that have an undo. That of a forEach stands for its items. */
const undoableNames = (node: Pipeline.Description): ReadonlyArray<string> => {
  switch (node._tag) {
    case "Parallel":
      return node.branches.flatMap(undoableNames)
    case "When":
      return undoableNames(node.body)
    case "Choose":
      return [node.body, node.else].flatMap((side) => (side === undefined ? [] : undoableNames(side)))
    default: {
      const own = node.wrappers?.some(({ _tag }) => _tag === "Undo") ? [node.name] : []
      return node._tag === "Step" ? own : [...own, ...node.nodes.flatMap(undoableNames)]
    }
  }
}

const moments: ReadonlyArray<readonly [name: string, moment: fc.Arbitrary<At>]> = [
  ["after some time", fc.integer({ min: 0, max: 20 }).map((seconds) => ({ seconds }))],
  ["at any event", fc.record({ event: fc.integer({ min: 1, max: 40 }), turns: fc.integer({ min: 0, max: 9 }) })]
]

test.each(moments)(
  "publishes consistent events, releases everything and undoes the right steps, however a run ends or is interrupted %s",
  async (_, moment) => {
    await fc.assert(
      fc.asyncProperty(fc.array(shape, { maxLength: 4 }), moment, async (nodes, at) => {
        const resources = holding()
        const { build, chosen, modes, tolerant } = builder(resources)
        const pipeline = build(nodes)
        const { exit, held, seen } = await Effect.runPromise(events(pipeline, at))
        checkOrder(seen, exit)
        checkNesting(seen)
        expect(resources.released.filter((times) => times !== 1)).toEqual([])
        // Only resources whose release hangs are still listed as held.
        const unclean = seen.flatMap((event) =>
          event._tag === "ResourceReleased" && !event.clean ? [event.resource] : []
        )
        expect(held.toSorted()).toEqual(unclean.toSorted())
        const names = new Set([Pipeline.describe(pipeline), ...chosen].flatMap(undoableNames))
        const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1).replace(/\[.*$/, "")
        checkUndos(seen, (path) => !isUndo(path) && names.has(nameOf(path)), modes, tolerant)
      }),
      { numRuns: 400, seed: 1 }
    )
  },
  60_000
)

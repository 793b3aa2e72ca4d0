import { Effect, Layer, Schedule, Schema, type Scope } from "effect"
import fc from "fast-check"
import { CurrentPath, type Events } from "../../src/core/Events.ts"
import * as Resource from "../../src/core/Resource.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"

/** What a step does after sleeping for `sleeps` seconds. */
type Kind =
  | "pass"
  | "sleep"
  | "signal"
  | "hold"
  | "skip"
  | "fail"
  | "odd"
  | "flaky"
  | "die"
  | "misfit"
  | "stuck"
  | "promise"
  | "nothing"
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

export type Shape =
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

export const { shape } = fc.letrec<{ shape: Shape }>((tie) => {
  const nodes = fc.array(tie("shape"), { maxLength: 4 })
  const kind = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom("pass", "pass", "hold", "hold", "skip", "sleep", "signal" as Kind) },
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
export const holding = () => {
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

/** Gets the path of each step that runs, and its name. Steps have results then, which a journal can store. */
export type OnRun = (path: string) => void
const Added = Schema.Record(Schema.String, Schema.Finite)

const undos: Record<Undo, Effect.Effect<unknown, string>> = {
  none: Effect.void,
  good: Effect.sleep("1 second"),
  fails: Effect.fail("undo"),
  hangs: Effect.never
}

const step = (
  name: string,
  { kind, retries, sleeps, timeout, undo }: Step,
  { acquire }: Holding,
  onRun: OnRun | undefined
) => {
  let attempts = 0
  const body = Effect.fnUntraced(function* ({ item = 0 }: { readonly item?: number }) {
    attempts++
    onRun?.(yield* CurrentPath)
    const adds: {} = onRun === undefined ? {} : { [name]: item }
    yield* sleeps === 0 ? Effect.yieldNow : Effect.sleep(sleeps * 1000)
    switch (kind) {
      case "hold":
        yield* acquire(name, 1, Effect.sleep("1 second"))
        return adds
      case "stuck":
        yield* acquire(name, 0, Effect.never)
        return adds
      case "skip":
        return Step.skip("nothing to do", adds)
      case "flaky":
        yield* acquire(name, 0, Effect.void)
        return attempts % 2 === 1 ? yield* Effect.fail(name) : adds
      case "fail":
        return yield* Effect.fail(name)
      case "odd":
        return item % 2 === 1 ? yield* Effect.fail(name) : adds
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
        return adds
    }
  })
  const made = Step.make(
    name,
    (state: { readonly item?: number }) =>
      // A step without type checking can be an async function.
      kind === "promise" ? (Promise.reject(new Error(name)) as unknown as ReturnType<typeof body>) : body(state),
    // This schema does not compile without a cast, but at run time a schema can still reject a result.
    kind === "misfit"
      ? { result: Schema.Struct({ made: Schema.String }) as unknown as Schema.Codec<{}, unknown> }
      : onRun === undefined
        ? {}
        : { result: Added as Schema.Codec<{}, unknown> }
  )
  const plain: Step.Step<{ readonly item?: number }, {}, unknown, Events | Scope.Scope> =
    kind === "sleep" ? Step.sleep(name, sleeps * 1000) : kind === "signal" ? Step.waitFor(name) : made
  const again = Schedule.recurs(retries).pipe(Schedule.addDelay(() => Effect.succeed("1 second")))
  const retried = retries === 0 ? plain : plain.pipe(Step.retry(again))
  const limited = timeout === 0 ? retried : retried.pipe(Step.timeout(timeout * 1000))
  return undo === "none" ? limited : limited.pipe(Step.undo(() => undos[undo], { within: "4 seconds" }))
}

export type Any = Pipeline.Pipeline<{}, {}, unknown, Events>

/**
 * Builds a pipeline of the given shapes. `modes` has the onFailure of each forEach by name, `tolerant` the names of those that
 * collect outcomes, `chosen` the pipelines that functions choose, under the names of their calls.
 */
export const builder = (held: Holding, onRun?: OnRun) => {
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
          pipeline = pipeline.pipe(Pipeline.step(step(name, node, held, onRun)))
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

// Only compiled, never run: what must compile and what must not, for combinators of pipelines and wrappers of steps.
import { Context, Effect, type Result, Schedule, Schema } from "effect"
import type { Events } from "../../src/core/Events.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", { status: Schema.Int }) {}
class Stuck extends Schema.TaggedError<Stuck>()("Stuck", {}) {}
class Http extends Context.Service<Http, { readonly get: Effect.Effect<string> }>()("test/Http") {}

interface Input {
  readonly tag: string
}
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(equal: Equal<A, B>) => equal

const build = Step.make("build", ({ tag }: Input) => Effect.succeed({ image: tag }))
const push = Step.make("push", ({ image }: { readonly image: string }) =>
  image === "" ? Effect.fail(new Refused({ status: 500 })) : Effect.succeed({ digest: image })
)
const show = Step.make("show", ({ digest }: { readonly digest: string }) => Effect.log(digest))
const showAny = Step.make("show any", ({ digest }: { readonly digest?: string }) => Effect.log(digest))
const built = Pipeline.make<Input>("p").pipe(Pipeline.step(build))

// retry: the schedule accepts the step's errors, and adds its own errors.
const retried = push.pipe(Step.retry(Schedule.recurs(2)))
same<typeof retried, Step.Step<{ readonly image: string }, { digest: string }, Refused, never, "push">>(true)
const onRefused = Schedule.recurs(2).pipe(Schedule.setInputType<Refused>())
const onStuck = Schedule.recurs(2).pipe(Schedule.setInputType<Stuck>())
export const chosen = push.pipe(Step.retry(onRefused))
// @ts-expect-error The schedule does not accept the error of the step.
// @effect-diagnostics-next-line missingEffectError:off
export const misplaced = push.pipe(Step.retry(onStuck))

// timeout: adds its own error.
const timed = push.pipe(Step.timeout("5 seconds"))
same<Effect.Error<ReturnType<typeof timed.run>>, Refused | Pipeline.StepTimedOut>(true)

// skipWhen: reads the state, and what the step adds becomes optional.
const cautious = push.pipe(Step.skipWhen((state: { readonly dry: boolean }) => (state.dry ? "a rehearsal" : undefined)))
const dry = Pipeline.make<Input & { readonly dry: boolean }>("p").pipe(Pipeline.step(build), Pipeline.step(cautious))
export const shownAnyway = dry.pipe(Pipeline.step(showAny))
// @ts-expect-error The key is optional, since the step may be skipped.
export const shownBlindly = dry.pipe(Pipeline.step(show))
// @ts-expect-error The state lacks what the reason needs.
export const blind = built.pipe(Pipeline.step(cautious))

// undo: gets what the step added and its state, and the pipeline requires its services.
const undone = push.pipe(
  Step.undo(
    ({ digest }: { readonly digest: string }, { image }: { readonly image: string }) =>
      Effect.flatMap(Http, ({ get }) => Effect.andThen(Effect.log(image, digest, get), Effect.fail(new Stuck()))),
    { within: "10 seconds" }
  )
)
export const withUndo: Effect.Effect<unknown, Refused, Http | Events> = run(built.pipe(Pipeline.step(undone)), {
  tag: ""
})
// @ts-expect-error The service of the undo is missing.
// @effect-diagnostics-next-line missingEffectContext:off
export const noUndo: Effect.Effect<unknown, Refused, Events> = run(built.pipe(Pipeline.step(undone)), { tag: "" })
// @ts-expect-error The step does not add what the undo needs.
export const undoOther = push.pipe(Step.undo(({ size }: { readonly size: number }) => Effect.log(size)))
const undoElse = push.pipe(Step.undo((added: object, { user }: { readonly user: string }) => Effect.log(added, user)))
// @ts-expect-error The state lacks what the undo needs.
export const undoBlind = built.pipe(Pipeline.step(undoElse))

// when: what it adds is optional, and its condition reads the state.
const optional = built.pipe(Pipeline.when({ if: ({ tag }: Input) => tag !== "", reason: "it has no tag", body: push }))
same<Pipeline.StateOf<typeof optional>["digest"], string | undefined>(true)
export const conditional = optional.pipe(Pipeline.step(showAny))
// @ts-expect-error The key is optional, since the body may be skipped.
export const unconditional = optional.pipe(Pipeline.step(show))
export const unseen = built.pipe(
  // @ts-expect-error The state lacks what the condition needs.
  Pipeline.when({ if: ({ dry }: { readonly dry: boolean }) => dry, reason: "no", body: push })
)
// @ts-expect-error The state lacks what the body needs.
export const bare = Pipeline.make<Input>("p").pipe(Pipeline.when({ if: () => true, reason: "no", body: push }))

// forEach: canary takes another strategy.
export const strategy: Strategy.Strategy = Strategy.canary({ first: 2, rest: Strategy.rolling({ onFailure: "undo" }) })
// @ts-expect-error A canary cannot be the strategy for the rest.
export const canaries = Strategy.canary({ rest: Strategy.canary() })

// on: the handler gets events with its tag, and the pipeline requires its services.
const subscribed = built.pipe(
  Pipeline.on("StepRetried", ({ attempt }) => Effect.flatMap(Http, () => Effect.log(attempt)))
)
same<Effect.Services<ReturnType<typeof runSubscribed>>, Http | Events>(true)
const runSubscribed = () => run(subscribed, { tag: "" })
// @ts-expect-error No event has this tag.
export const unknownTag = built.pipe(Pipeline.on("StepRetired", () => Effect.void))
// @ts-expect-error The event has no such field.
export const unknownField = built.pipe(Pipeline.on("StepStarted", ({ attempt }) => Effect.log(attempt)))

// A step that adds an existing key overwrites it, both at run time and in the types.
const number = Step.make("number", () => Effect.succeed({ x: 1 }))
const text = Step.make("text", () => Effect.succeed({ x: "", y: true }))
const half = Step.make("half", ({ x }: Has<"x">) => Effect.succeed({ half: x.toFixed() }))
const renewed = Pipeline.make<Input>("p").pipe(Pipeline.step(number), Pipeline.step(text))
same<Pipeline.StateOf<typeof renewed>["x"], string>(true)
// @ts-expect-error The later step has changed the type to string.
export const outdated = renewed.pipe(Pipeline.step(half))
export const renewedAgain = renewed.pipe(
  Pipeline.step(Step.make("again", () => Effect.succeed({ x: 2 }))),
  Pipeline.step(half)
)
const inner = Pipeline.make<Has<"x">, "inner">("inner").pipe(Pipeline.step(text))
const renewedWithin = Pipeline.make("p").pipe(Pipeline.step(number), Pipeline.pipeline(inner))
// @ts-expect-error The nested pipeline has changed the type to string.
export const outdatedWithin = renewedWithin.pipe(Pipeline.step(half))
// @ts-expect-error Parallel branches add the same key with different types.
export const renewedBeside = Pipeline.make("p").pipe(Pipeline.parallel(number, text))
const inPipeline = Pipeline.make("texts").pipe(Pipeline.step(text))
// @ts-expect-error The same, in a branch that is a pipeline.
export const renewedInBranch = Pipeline.make("p").pipe(Pipeline.parallel(number, inPipeline))
const alike = Pipeline.make("p").pipe(
  Pipeline.parallel(
    number,
    Step.make("same", () => Effect.succeed({ x: 2, z: "" }))
  )
)
same<Pipeline.StateOf<typeof alike>["x"], number>(true)
// Branches may pass on what the state had before them, with a wider type.
export const passedOn = Pipeline.make<{ readonly project: Has<"a" | "b"> }>("p").pipe(
  Pipeline.parallel(
    Pipeline.make<{ readonly project: Has<"a"> }, "one">("one").pipe(Pipeline.step(number)),
    Pipeline.make<{ readonly project: Has<"b"> }, "two">("two")
  )
)
const perhaps = Pipeline.make("p").pipe(
  Pipeline.step(number),
  Pipeline.when({ if: () => true, reason: "no", body: text })
)
same<Pipeline.StateOf<typeof perhaps>["x"], number | string | undefined>(true)
// If a nested pipeline only passes a value through, the value keeps its more specific type.
const rich = Pipeline.make<{ readonly project: Has<"a" | "b"> }>("p").pipe(
  Pipeline.pipeline(Pipeline.make<{ readonly project: Has<"a"> }, "sub">("sub").pipe(Pipeline.step(number)))
)
export const still = (state: Pipeline.StateOf<typeof rich>): number => state.project.b
// In a generic function, one node can be appended to a pipeline; it may be a pipeline with several nodes.
export const unknownYet = <N, S extends Input, E, R>(pipeline: Pipeline.Pipeline<N, S, E, R>) =>
  pipeline.pipe(Pipeline.pipeline(Pipeline.make<Input, "two">("two").pipe(Pipeline.step(number), Pipeline.step(build))))

// Two nodes with the same path.
// @ts-expect-error A step with this name exists.
export const twice = built.pipe(Pipeline.step(build))
// @ts-expect-error A node with the name of a branch exists.
export const beside = built.pipe(Pipeline.parallel(build, push))
// @ts-expect-error A node with the name of the pipeline exists.
export const again = built.pipe(Pipeline.pipeline(Pipeline.make<Input, "build">("build")))

// Edits.
type Has<Key extends string, Value = number> = { readonly [P in Key]: Value }
const needs = <S extends object>() => Step.make("mine", (state: S) => Effect.log(state))
const adds = <A extends object>(added: A) => Step.make("mine", () => Effect.succeed(added))

const onServer = Pipeline.make<Has<"server" | "digest", string>>("server").pipe(
  Pipeline.step(Step.make("tunnel", () => Effect.succeed({ port: 1 }))),
  Pipeline.step(Step.make("pull", ({ port }: Has<"port">) => Effect.succeed({ pulled: port > 0 }))),
  Pipeline.step(Step.make("check", () => Effect.void))
)
const servers = { name: "servers", as: "server", key: (server: string) => server, body: onServer } as const
const whole = built.pipe(
  Pipeline.step(push),
  Pipeline.forEach({
    ...servers,
    items: ({ tag }: Input) => [tag],
    collect: { as: "ports", value: ({ pulled }) => pulled }
  }),
  Pipeline.parallel(
    Step.make("notify", () => Effect.void),
    Step.make("record", () => Effect.succeed({ record: 1 }))
  ),
  Pipeline.pipeline(Pipeline.make<Has<"digest", string>, "after">("after").pipe(Pipeline.step(show)))
)

// replace: the new node needs no more than the state has, and adds no less than the old one.
const pushing = Step.make("my push", ({ tag }: Input) =>
  tag === "" ? Effect.fail(new Stuck()) : Effect.succeed({ digest: "", size: 1 })
)
const replaced = whole.pipe(Pipeline.replace("p/push", pushing))
same<Result.Result.Failure<typeof replaced>, Pipeline.NoSuchNode | Pipeline.DuplicatePath>(true)
const runReplaced = (changed: Result.Result.Success<typeof replaced>) => run(changed, { tag: "" })
same<Effect.Error<ReturnType<typeof runReplaced>>, Refused | Stuck>(true)
export const deep = whole.pipe(Pipeline.replace("p/servers/pull", adds({ pulled: false })))
export const deeper = whole.pipe(Pipeline.replace("p/after/show", showAny))
const both = Pipeline.make<Has<"image", string>, "both">("both").pipe(Pipeline.step(push))
const nested = whole.pipe(Pipeline.replace("p/push", both))
export const inNested = (changed: Result.Result.Success<typeof nested>) =>
  changed.pipe(Pipeline.replace("p/both/push", adds({ digest: "" })))
// @ts-expect-error The state lacks what the new node needs.
export const more = whole.pipe(Pipeline.replace("p/after/show", needs<Has<"user">>()))
// @ts-expect-error The new node adds less than the old one.
export const less = whole.pipe(Pipeline.replace("p/push", adds({})))
// @ts-expect-error The new node adds the same key with another type.
export const other = whole.pipe(Pipeline.replace("p/push", adds({ digest: 1 })))
// @ts-expect-error The new node also changes the type of an existing key.
export const overwrite = whole.pipe(Pipeline.replace("p/push", adds({ digest: "", image: 1 })))
// @ts-expect-error The path does not exist.
export const nowhere = whole.pipe(Pipeline.replace("p/posh", push))
// @ts-expect-error The path does not exist in the forEach.
export const noServer = whole.pipe(Pipeline.replace("p/servers/posh", push))

// insertBefore, insertAfter: the new node reads the state at that point.
const announced = whole.pipe(Pipeline.insertAfter("p/push", adds({ sent: 1 })))
same<Pipeline.StateOf<Result.Result.Success<typeof announced>>["sent"], number>(true)
export const pushed = whole.pipe(Pipeline.insertAfter("p/push", needs<Has<"digest", string>>()))
// @ts-expect-error The state does not have the digest yet.
export const tooEarly = whole.pipe(Pipeline.insertBefore("p/push", needs<Has<"digest", string>>()))
export const opened = whole.pipe(Pipeline.insertBefore("p/servers/pull", needs<Has<"port">>()))
// @ts-expect-error The state does not have the port yet.
export const noPort = whole.pipe(Pipeline.insertBefore("p/servers/tunnel", needs<Has<"port">>()))
export const afterAll = whole.pipe(Pipeline.insertAfter("p/notify", needs<Has<"record">>()))
// @ts-expect-error Inserting before one branch inserts before all of them.
export const beforeAll = whole.pipe(Pipeline.insertBefore("p/notify", needs<Has<"record">>()))
// @ts-expect-error The key exists with another type.
export const changesType = whole.pipe(Pipeline.insertAfter("p/build", adds({ image: 1 })))

// remove: no other node may need what the node adds.
export const unchecked = whole.pipe(Pipeline.remove("p/servers/check"))
export const unshown = whole.pipe(Pipeline.remove("p/after"))
const serverless = whole.pipe(Pipeline.remove("p/servers"))
export const gone = (changed: Result.Result.Success<typeof serverless>) =>
  // @ts-expect-error The final state no longer has the key.
  Effect.map(run(changed, { tag: "" }), ({ ports }) => ports)
const recordless = whole.pipe(Pipeline.remove("p/record"))
export const missed = (changed: Result.Result.Success<typeof recordless>) =>
  // @ts-expect-error The state at other nodes no longer has the key, either.
  changed.pipe(Pipeline.insertAfter("p/after", needs<Has<"record">>()))
// @ts-expect-error The push needs what the build adds.
export const unbuilt = whole.pipe(Pipeline.remove("p/build"))
// @ts-expect-error The pull needs what the tunnel adds.
export const untunneled = whole.pipe(Pipeline.remove("p/servers/tunnel"))
// @ts-expect-error The collected value may depend on what the pull adds.
export const unpulled = whole.pipe(Pipeline.remove("p/servers/pull"))
// @ts-expect-error A later pipeline needs what the push adds.
export const unpushed = whole.pipe(Pipeline.remove("p/push"))

// A pipeline without node types is edited without compile-time checks. A missing path is an error at run time.
export const unknown = (pipeline: Pipeline.Pipeline<Input, Input, Refused, Http>) =>
  pipeline.pipe(Pipeline.step(build), Pipeline.replace("p/servers/pull", push))

// forEach: `after`, `ended` and the strategy read the item and the state; `waitBefore` names a node of the body.
const list = { ...servers, items: ({ tag }: Input) => [tag] } as const
export const waiting = built.pipe(
  Pipeline.step(push),
  Pipeline.forEach({
    ...list,
    after: (server, { tag }) => [server, tag, Effect.succeed("a reason")],
    waitBefore: "pull",
    strategy: ({ tag }) => Strategy.rolling({ batch: tag.length }),
    ended: (server) => Effect.log(server)
  })
)
export const waitsNowhere = built.pipe(
  Pipeline.step(push),
  // @ts-expect-error The body has no such node.
  Pipeline.forEach({ ...list, after: (server) => [server], waitBefore: "posh" })
)
export const waitsForNumber = built.pipe(
  Pipeline.step(push),
  // @ts-expect-error Keys are strings.
  Pipeline.forEach({ ...list, after: () => [1] })
)

// Compiled, never run: what must and must not compile of the compositions, and of what is put around a step.
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
const begun = Pipeline.make<Input>("p").pipe(Pipeline.step(build))

// retry: the schedule takes the step's errors, and what it can end in is added.
const retried = push.pipe(Step.retry(Schedule.recurs(2)))
same<typeof retried, Step.Step<{ readonly image: string }, { digest: string }, Refused, never, "push">>(true)
const onRefused = Schedule.recurs(2).pipe(Schedule.setInputType<Refused>())
const onStuck = Schedule.recurs(2).pipe(Schedule.setInputType<Stuck>())
export const chosen = push.pipe(Step.retry(onRefused))
// @ts-expect-error A schedule for an error that the step does not have.
// @effect-diagnostics-next-line missingEffectError:off
export const misplaced = push.pipe(Step.retry(onStuck))

// timeout: adds its own error.
const timed = push.pipe(Step.timeout("5 seconds"))
same<Effect.Error<ReturnType<typeof timed.run>>, Refused | Pipeline.StepTimedOut>(true)

// skipWhen: sees what it asks for, and what the step adds may be missing then.
const cautious = push.pipe(Step.skipWhen((state: { readonly dry: boolean }) => (state.dry ? "a rehearsal" : undefined)))
const dry = Pipeline.make<Input & { readonly dry: boolean }>("p").pipe(Pipeline.step(build), Pipeline.step(cautious))
export const shownAnyway = dry.pipe(Pipeline.step(showAny))
// @ts-expect-error What was perhaps skipped is perhaps not there.
export const shownBlindly = dry.pipe(Pipeline.step(show))
// @ts-expect-error The reason needs what the state does not have.
export const blind = begun.pipe(Pipeline.step(cautious))

// undo: is given what the step added and its state, and its services are the pipeline's.
const undone = push.pipe(
  Step.undo(
    ({ digest }: { readonly digest: string }, { image }: { readonly image: string }) =>
      Effect.flatMap(Http, ({ get }) => Effect.andThen(Effect.log(image, digest, get), Effect.fail(new Stuck()))),
    { within: "10 seconds" }
  )
)
export const withUndo: Effect.Effect<unknown, Refused, Http | Events> = run(begun.pipe(Pipeline.step(undone)), {
  tag: ""
})
// @ts-expect-error The undo needs a service.
// @effect-diagnostics-next-line missingEffectContext:off
export const noUndo: Effect.Effect<unknown, Refused, Events> = run(begun.pipe(Pipeline.step(undone)), { tag: "" })
// @ts-expect-error The step does not add that.
export const undoOther = push.pipe(Step.undo(({ size }: { readonly size: number }) => Effect.log(size)))
const undoElse = push.pipe(Step.undo((added: object, { user }: { readonly user: string }) => Effect.log(added, user)))
// @ts-expect-error The undo needs what the state does not have.
export const undoBlind = begun.pipe(Pipeline.step(undoElse))

// when: what it adds is optional, and its condition sees the state.
const optional = begun.pipe(Pipeline.when({ if: ({ tag }: Input) => tag !== "", reason: "it has no tag", body: push }))
same<Pipeline.StateOf<typeof optional>["digest"], string | undefined>(true)
export const conditional = optional.pipe(Pipeline.step(showAny))
// @ts-expect-error What was perhaps not made is perhaps not there.
export const unconditional = optional.pipe(Pipeline.step(show))
export const unseen = begun.pipe(
  // @ts-expect-error The condition needs what the state does not have.
  Pipeline.when({ if: ({ dry }: { readonly dry: boolean }) => dry, reason: "no", body: push })
)
// @ts-expect-error The body needs what the state does not have.
export const bare = Pipeline.make<Input>("p").pipe(Pipeline.when({ if: () => true, reason: "no", body: push }))

// forEach: strategies are made of each other.
export const strategy: Strategy.Strategy = Strategy.canary({ first: 2, rest: Strategy.rolling({ onFailure: "undo" }) })
// @ts-expect-error A canary is not followed by canaries.
export const canaries = Strategy.canary({ rest: Strategy.canary() })

// on: the handler is given events of its tag, and its services are the pipeline's.
const heard = begun.pipe(Pipeline.on("StepRetried", ({ attempt }) => Effect.flatMap(Http, () => Effect.log(attempt))))
same<Effect.Services<ReturnType<typeof runHeard>>, Http | Events>(true)
const runHeard = () => run(heard, { tag: "" })
// @ts-expect-error There is no such event.
export const misheard = begun.pipe(Pipeline.on("StepRetired", () => Effect.void))
// @ts-expect-error The event has no such field.
export const misread = begun.pipe(Pipeline.on("StepStarted", ({ attempt }) => Effect.log(attempt)))

// What is added under a name that is taken takes its place, at run time as in the types.
const number = Step.make("number", () => Effect.succeed({ x: 1 }))
const text = Step.make("text", () => Effect.succeed({ x: "", y: true }))
const half = Step.make("half", ({ x }: Has<"x">) => Effect.succeed({ half: x.toFixed() }))
const renewed = Pipeline.make<Input>("p").pipe(Pipeline.step(number), Pipeline.step(text))
same<Pipeline.StateOf<typeof renewed>["x"], string>(true)
// @ts-expect-error It is a text by now.
export const outdated = renewed.pipe(Pipeline.step(half))
export const renewedAgain = renewed.pipe(
  Pipeline.step(Step.make("again", () => Effect.succeed({ x: 2 }))),
  Pipeline.step(half)
)
const inner = Pipeline.make<Has<"x">, "inner">("inner").pipe(Pipeline.step(text))
const renewedWithin = Pipeline.make("p").pipe(Pipeline.step(number), Pipeline.pipeline(inner))
// @ts-expect-error A pipeline within has made it a text.
export const outdatedWithin = renewedWithin.pipe(Pipeline.step(half))
const renewedBeside = Pipeline.make("p").pipe(Pipeline.parallel(number, text))
same<Pipeline.StateOf<typeof renewedBeside>["x"], string>(true)
// @ts-expect-error The later branch makes it a text.
export const outdatedBeside = renewedBeside.pipe(Pipeline.step(half))
const perhaps = Pipeline.make("p").pipe(
  Pipeline.step(number),
  Pipeline.when({ if: () => true, reason: "no", body: text })
)
same<Pipeline.StateOf<typeof perhaps>["x"], number | string | undefined>(true)
// What is only handed on keeps all that is known of it.
const rich = Pipeline.make<{ readonly project: Has<"a" | "b"> }>("p").pipe(
  Pipeline.pipeline(Pipeline.make<{ readonly project: Has<"a"> }, "sub">("sub").pipe(Pipeline.step(number)))
)
export const still = (state: Pipeline.StateOf<typeof rich>): number => state.project.b
// A state that is not known yet takes one node, which may be a pipeline of several.
export const unknownYet = <N, S extends Input, E, R>(pipeline: Pipeline.Pipeline<N, S, E, R>) =>
  pipeline.pipe(Pipeline.pipeline(Pipeline.make<Input, "two">("two").pipe(Pipeline.step(number), Pipeline.step(build))))

// Two nodes with one path.
// @ts-expect-error A step of that name is there.
export const twice = begun.pipe(Pipeline.step(build))
// @ts-expect-error A branch of that name is there.
export const beside = begun.pipe(Pipeline.parallel(build, push))
// @ts-expect-error A pipeline of that name is there.
export const again = begun.pipe(Pipeline.pipeline(Pipeline.make<Input, "build">("build")))

// Changes.
type Has<Key extends string, Value = number> = { readonly [P in Key]: Value }
const needs = <S extends object>() => Step.make("mine", (state: S) => Effect.log(state))
const adds = <A extends object>(added: A) => Step.make("mine", () => Effect.succeed(added))

const onServer = Pipeline.make<Has<"server" | "digest", string>>("server").pipe(
  Pipeline.step(Step.make("tunnel", () => Effect.succeed({ port: 1 }))),
  Pipeline.step(Step.make("pull", ({ port }: Has<"port">) => Effect.succeed({ pulled: port > 0 }))),
  Pipeline.step(Step.make("check", () => Effect.void))
)
const servers = { name: "servers", as: "server", key: (server: string) => server, body: onServer } as const
const whole = begun.pipe(
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

// replace: needs no more than there is, and adds no less.
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
// @ts-expect-error It needs more than there is.
export const more = whole.pipe(Pipeline.replace("p/after/show", needs<Has<"user">>()))
// @ts-expect-error It adds less than what it replaces.
export const less = whole.pipe(Pipeline.replace("p/push", adds({})))
// @ts-expect-error It adds something else under the same name.
export const other = whole.pipe(Pipeline.replace("p/push", adds({ digest: 1 })))
// @ts-expect-error It also adds something else under a name that is taken.
export const overwrite = whole.pipe(Pipeline.replace("p/push", adds({ digest: "", image: 1 })))
// @ts-expect-error There is no such path.
export const nowhere = whole.pipe(Pipeline.replace("p/posh", push))
// @ts-expect-error Nor there.
export const noServer = whole.pipe(Pipeline.replace("p/servers/posh", push))

// insertBefore, insertAfter: see the state of that place.
const announced = whole.pipe(Pipeline.insertAfter("p/push", adds({ sent: 1 })))
same<Pipeline.StateOf<Result.Result.Success<typeof announced>>["sent"], number>(true)
export const pushed = whole.pipe(Pipeline.insertAfter("p/push", needs<Has<"digest", string>>()))
// @ts-expect-error The digest is not there yet.
export const tooEarly = whole.pipe(Pipeline.insertBefore("p/push", needs<Has<"digest", string>>()))
export const opened = whole.pipe(Pipeline.insertBefore("p/servers/pull", needs<Has<"port">>()))
// @ts-expect-error The tunnel is not open yet.
export const noPort = whole.pipe(Pipeline.insertBefore("p/servers/tunnel", needs<Has<"port">>()))
export const afterAll = whole.pipe(Pipeline.insertAfter("p/notify", needs<Has<"record">>()))
// @ts-expect-error Before one branch is before all of them.
export const beforeAll = whole.pipe(Pipeline.insertBefore("p/notify", needs<Has<"record">>()))
// @ts-expect-error What stands under that name is of another type.
export const changesType = whole.pipe(Pipeline.insertAfter("p/build", adds({ image: 1 })))

// remove: nothing that others need.
export const unchecked = whole.pipe(Pipeline.remove("p/servers/check"))
export const unshown = whole.pipe(Pipeline.remove("p/after"))
const serverless = whole.pipe(Pipeline.remove("p/servers"))
export const gone = (changed: Result.Result.Success<typeof serverless>) =>
  // @ts-expect-error What was added is gone from the state.
  Effect.map(run(changed, { tag: "" }), ({ ports }) => ports)
const recordless = whole.pipe(Pipeline.remove("p/record"))
export const missed = (changed: Result.Result.Success<typeof recordless>) =>
  // @ts-expect-error What was added is gone from there, too.
  changed.pipe(Pipeline.insertAfter("p/after", needs<Has<"record">>()))
// @ts-expect-error The push needs what it adds.
export const unbuilt = whole.pipe(Pipeline.remove("p/build"))
// @ts-expect-error The pull needs what it adds.
export const untunneled = whole.pipe(Pipeline.remove("p/servers/tunnel"))
// @ts-expect-error What is collected may be made from what it adds.
export const unpulled = whole.pipe(Pipeline.remove("p/servers/pull"))
// @ts-expect-error A pipeline further on needs what it adds.
export const unpushed = whole.pipe(Pipeline.remove("p/push"))

// A pipeline of which nothing is known is changed without checks; whether there is such a path is told when it is made.
export const unknown = (pipeline: Pipeline.Pipeline<Input, Input, Refused, Http>) =>
  pipeline.pipe(Pipeline.step(build), Pipeline.replace("p/servers/pull", push))

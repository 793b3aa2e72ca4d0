// Only compiled, never run: what must compile and what must not, for Pipeline.call.
import { Context, Effect, Result, Schema } from "effect"
import type { Events } from "../../src/core/Events.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}
class Http extends Context.Service<Http, { readonly get: Effect.Effect<string, Refused> }>()("test/Http") {}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(equal: Equal<A, B>) => equal

interface Input {
  readonly tag: string
}
interface Given {
  readonly image: string
}
const pull = Step.make(
  "pull",
  Effect.fnUntraced(function* ({ image }: Given) {
    return { digest: image + (yield* (yield* Http).get) }
  })
)
const show = Step.make("show", ({ digest }: { readonly digest: string }) => Effect.log(digest))
const child = Pipeline.make<Given, "child">("child").pipe(Pipeline.step(pull), Pipeline.step(show))
const parent = Pipeline.make<Input>("p")

// Only what `collect` names is in the state, and the errors and services of the called pipeline are in the type.
const called = parent.pipe(
  Pipeline.call("a", child, ({ tag }: Input) => ({ image: tag }), { as: "got", value: ({ digest }) => digest })
)
same<Pipeline.StateOf<typeof called>["got"], string>(true)
same<keyof Pipeline.StateOf<typeof called>, "got" | "tag">(true)
const runCalled = () => run(called, { tag: "" })
export const all: Effect.Effect<unknown, Refused, Http | Events> = runCalled()
same<Effect.Error<ReturnType<typeof runCalled>>, Refused>(true)
// @ts-expect-error The service of the called pipeline is missing.
// @effect-diagnostics-next-line missingEffectContext:off
export const noHttp: Effect.Effect<unknown, Refused, Events> = runCalled()
// @ts-expect-error What the called pipeline adds is not in the state.
export const leaked = called.pipe(Pipeline.step(show))
const quiet = parent.pipe(Pipeline.call("a", child, ({ tag }: Input) => ({ image: tag })))
same<keyof Pipeline.StateOf<typeof quiet>, "tag">(true)

// The input must have what the called pipeline needs, and can only use what the state has.
// @ts-expect-error `image` is missing.
export const empty = parent.pipe(Pipeline.call("a", child, () => ({})))
// @ts-expect-error `image` has another type.
export const wrong = parent.pipe(Pipeline.call("a", child, () => ({ image: 1 })))
// @ts-expect-error An input is an object.
export const none = parent.pipe(Pipeline.call("a", Pipeline.make("child"), () => 1))
// @ts-expect-error The state lacks what the input reads.
export const blind = Pipeline.make("p").pipe(Pipeline.call("a", child, ({ tag }: Input) => ({ image: tag })))
// @ts-expect-error `collect` gets the final state of the called pipeline, not the state around it.
export const other = parent.pipe(Pipeline.call("a", child, () => ({ image: "" }), { as: "x", value: ({ tag }) => tag }))
// @ts-expect-error A call has a name of its own.
export const twice = quiet.pipe(Pipeline.call("a", child, () => ({ image: "" })))
// @ts-expect-error A name cannot be empty.
export const unnamed = parent.pipe(Pipeline.call("", child, () => ({ image: "" })))

// A function chooses one of several.
const big = Pipeline.make<{ readonly size: number }, "big">("big").pipe(
  Pipeline.step(Step.make("count", () => Effect.succeed({ n: 1 })))
)
const small = Pipeline.make<{ readonly name: string }, "small">("small").pipe(
  Pipeline.step(Step.make("word", () => Effect.succeed({ n: "one" })))
)
const either = ({ tag }: Input) => (tag === "" ? big : small)
const chosen = parent.pipe(Pipeline.call("a", either, () => ({ size: 1, name: "" }), { as: "n", value: ({ n }) => n }))
same<Pipeline.StateOf<typeof chosen>["n"], string | number>(true)
const runChosen = () => run(chosen, { tag: "" })
same<Effect.Error<ReturnType<typeof runChosen>>, Pipeline.CallsTooDeep>(true)
// @ts-expect-error The input must fit every pipeline that the function may choose.
export const half = parent.pipe(Pipeline.call("a", either, () => ({ size: 1 })))
// @ts-expect-error The state lacks what the function reads.
export const unread = Pipeline.make("p").pipe(Pipeline.call("a", either, () => ({ size: 1, name: "" })))
const noPipeline = () => pull
// @ts-expect-error The function must return a pipeline.
export const step = parent.pipe(Pipeline.call("a", noPipeline, () => ({ image: "" })))

// A recursion: the type of the pipeline must be written down.
interface Tree {
  readonly depth: number
}
export const tree: Pipeline.Pipeline<Tree, Tree, Pipeline.CallsTooDeep> = Pipeline.make<Tree>("tree").pipe(
  Pipeline.when({
    if: ({ depth }: Tree) => depth > 0,
    reason: "a leaf",
    body: Pipeline.make<Tree>("children").pipe(
      Pipeline.call(
        "child",
        () => tree,
        ({ depth }: Tree) => ({ depth: depth - 1 })
      )
    )
  })
)

// Edits reach into a static call, and see its state instead of the one around it.
const use = Step.make("use", ({ got }: { readonly got: string }) => Effect.log(got))
const needsTag = Step.make("tagged", ({ tag }: Input) => Effect.log(tag))
const full = called.pipe(Pipeline.step(use))
export const replaced = full.pipe(
  Pipeline.replace(
    "p/a/pull",
    Step.make("mine", () => Effect.succeed({ digest: "" }))
  )
)
export const inserted = full.pipe(
  Pipeline.insertBefore(
    "p/a/pull",
    Step.make("log", ({ image }: Given) => Effect.log(image))
  )
)
export const unshown = full.pipe(Pipeline.remove("p/a/show"))
export const uncalled = quiet.pipe(Pipeline.remove("p/a"))
export const instead = full.pipe(
  Pipeline.replace(
    "p/a",
    Step.make("b", () => Effect.succeed({ got: "" }))
  )
)
const nothing = Step.make("mine", () => Effect.void)
// @ts-expect-error It adds less than the replaced step.
export const less = full.pipe(Pipeline.replace("p/a/pull", nothing))
// @ts-expect-error The state around the call is not there.
export const outer = full.pipe(Pipeline.insertBefore("p/a/pull", needsTag))
// @ts-expect-error Another node of the called pipeline needs it.
export const undone = full.pipe(Pipeline.remove("p/a/pull"))
// @ts-expect-error A later node needs what the call adds.
export const without = full.pipe(Pipeline.remove("p/a"))
// @ts-expect-error Nothing is known of a pipeline that a function chooses.
export const deep = chosen.pipe(Pipeline.replace("p/a/count", pull))
const late = Pipeline.make<Given, "late">("late").pipe(Pipeline.step(pull))
const collected = parent.pipe(
  Pipeline.call("a", late, () => ({ image: "" }), { as: "got", value: ({ digest }) => digest })
)
// @ts-expect-error `collect` needs it.
export const uncollected = collected.pipe(Pipeline.remove("p/a/pull"))

// The same key in both states does not matter.
const build = Step.make("build", () => Effect.succeed({ image: "", digest: 1 }))
const mixed = Pipeline.make("p").pipe(
  Pipeline.step(build),
  Pipeline.call("a", late, () => ({ image: "" })),
  Pipeline.step(Step.make("count", ({ digest }: { readonly digest: number }) => Effect.log(digest)))
)
const inner = mixed.pipe(Pipeline.remove("p/a/pull"), Result.getOrThrow)
same<Pipeline.StateOf<typeof inner>["digest"], number>(true)
const around = Pipeline.make("p").pipe(
  Pipeline.step(Step.make("build", () => Effect.succeed({ image: "" }))),
  Pipeline.call("a", late, () => ({ image: "" }))
)
export const unbuilt = around.pipe(Pipeline.remove("p/build"))
const more = inner.pipe(
  Pipeline.insertAfter(
    "p/a",
    Step.make("more", () => Effect.succeed({ extra: 1 }))
  ),
  Result.getOrThrow
)
same<Pipeline.StateOf<typeof more>["extra"], number>(true)
// A node that was inserted into a call is in the call.
const marked = around.pipe(
  Pipeline.insertAfter(
    "p/a/pull",
    Step.make("image", ({ image }: Given) => Effect.succeed({ made: image }))
  ),
  Result.getOrThrow
)
export const unmarked = marked.pipe(Pipeline.remove("p/build"))

// The strategy of a forEach in a call can be changed.
const each = Pipeline.make<Given, "each">("each").pipe(
  Pipeline.forEach({
    name: "items",
    as: "item",
    items: () => [1],
    key: String,
    body: Pipeline.make<{ item: number }>("i")
  })
)
const looped = parent.pipe(Pipeline.call("a", each, () => ({ image: "" })))
const byImage = ({ image }: Given) => (image === "" ? Strategy.rolling() : Strategy.parallel())
const byTag = ({ tag }: Input) => (tag === "" ? Strategy.rolling() : Strategy.parallel())
export const rolling = looped.pipe(Pipeline.strategy("p/a/items", byImage))
// @ts-expect-error The strategy cannot depend on the state around the call.
export const outside = looped.pipe(Pipeline.strategy("p/a/items", byTag))

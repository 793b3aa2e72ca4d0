// Only compiled, never run: what must compile and what must not, for Pipeline.choose.
import { Context, Effect, Schema } from "effect"
import type { Events } from "../../src/core/Events.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Step from "../../src/pipeline/Step.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}
class Stuck extends Schema.TaggedError<Stuck>()("Stuck", {}) {}
class Http extends Context.Service<Http, { readonly get: Effect.Effect<string, Refused> }>()("test/Http") {}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(equal: Equal<A, B>) => equal

interface Input {
  readonly tag: string
}
const hasTag = ({ tag }: Input) => tag !== ""
const build = Step.make("build", () => Effect.succeed({ image: "", size: 1 }))
const pull = Step.make(
  "pull",
  Effect.fnUntraced(function* ({ tag }: Input) {
    if (tag === "") return yield* new Stuck()
    return { image: yield* (yield* Http).get }
  })
)
const show = Step.make("show", ({ image }: { readonly image: string }) => Effect.log(image))
const showSize = Step.make("size", ({ size }: { readonly size: number }) => Effect.log(size))
const maybeSize = Step.make("size", ({ size }: { readonly size?: number }) => Effect.log(size))

const made = Pipeline.make<Input>("p").pipe(Pipeline.choose({ if: hasTag, body: pull, else: build }))
// What both sides add is there, what only one adds is optional.
same<Pipeline.StateOf<typeof made>["image"], string>(true)
same<Pipeline.StateOf<typeof made>["size"], number | undefined>(true)
export const shown = made.pipe(Pipeline.step(show), Pipeline.step(maybeSize))
// @ts-expect-error Only one side adds it.
export const sized = made.pipe(Pipeline.step(showSize))
// The errors and services of both.
export const all: Effect.Effect<unknown, Refused | Stuck, Http | Events> = run(made, { tag: "" })
const runMade = () => run(made, { tag: "" })
same<Effect.Error<ReturnType<typeof runMade>>, Refused | Stuck>(true)
// @ts-expect-error The service of one side is missing.
// @effect-diagnostics-next-line missingEffectContext:off
export const noHttp: Effect.Effect<unknown, Refused | Stuck, Events> = runMade()

// Different types of one key become a union, also with the type that was there before.
const number = Step.make("number", () => Effect.succeed({ x: 1 }))
const text = Step.make("text", () => Effect.succeed({ x: "" }))
const nothing = Step.make("nothing", () => Effect.void)
const mixed = Pipeline.make("p").pipe(Pipeline.choose({ if: () => true, body: number, else: text }))
same<Pipeline.StateOf<typeof mixed>["x"], string | number>(true)
const kept = Pipeline.make<{ readonly x: boolean }>("p").pipe(
  Pipeline.choose({ if: () => true, body: number, else: nothing })
)
same<Pipeline.StateOf<typeof kept>["x"], number | boolean | undefined>(true)
const perhaps = Step.make("perhaps", () => Effect.succeed({} as { readonly x?: number }))
const optional = Pipeline.make("p").pipe(Pipeline.choose({ if: () => true, body: perhaps, else: number }))
same<Pipeline.StateOf<typeof optional>["x"], number | undefined>(true)

// Each side, and the condition, need what they read.
const start = Pipeline.make("p")
// @ts-expect-error The state lacks what the condition needs.
export const blind = start.pipe(Pipeline.choose({ if: hasTag, body: number, else: text }))
// @ts-expect-error The state lacks what a side needs.
export const early = start.pipe(Pipeline.choose({ if: () => true, body: number, else: pull }))
// @ts-expect-error A side does not see what the other one adds.
export const across = start.pipe(Pipeline.choose({ if: () => true, body: build, else: show }))
// @ts-expect-error A condition is true or false.
export const unclear = start.pipe(Pipeline.choose({ if: () => "yes", body: number, else: text }))

// The same name on both sides, but not beside them.
export const both = Pipeline.make<Input>("p").pipe(
  Pipeline.choose({ if: hasTag, body: build, else: build.pipe(Step.timeout("1 minute")) })
)
// @ts-expect-error A node with the name of a side exists.
export const again = both.pipe(Pipeline.step(build))
// @ts-expect-error The same the other way round.
export const twice = start.pipe(Pipeline.step(build), Pipeline.choose({ if: () => true, body: text, else: build }))

// Edits: what replaces a node of both sides must fit both.
const slow = Pipeline.make<Input, "slow">("slow").pipe(Pipeline.step(build))
const quick = Pipeline.make<Input, "quick">("quick").pipe(Pipeline.step(pull))
const nested = Pipeline.make<Input>("p").pipe(
  Pipeline.choose({ if: hasTag, body: quick, else: slow }),
  Pipeline.step(show)
)
export const deep = nested.pipe(Pipeline.replace("p/slow/build", build))
export const replaced = both.pipe(Pipeline.replace("p/build", build))
const smaller = Step.make("build", () => Effect.succeed({ image: "" }))
// @ts-expect-error It adds less than the side.
export const less = both.pipe(Pipeline.replace("p/build", smaller))
// @ts-expect-error A later step needs what the sides add.
export const unbuilt = nested.pipe(Pipeline.remove("p/slow"))

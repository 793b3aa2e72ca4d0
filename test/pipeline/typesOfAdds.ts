// Only compiled, never run: what the compiler says a step adds.
import { Effect } from "effect"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import type { IntersectParameters } from "../../src/pipeline/types/NodeMap.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(equal: Equal<A, B>) => equal
type AddsOf<S> = S extends Step.Step<infer _N, infer A, infer _E, infer _R> ? A : never
/** The last member of a union; also of one whose members could be assigned to each other. */
type LastOf<U> =
  IntersectParameters<U extends unknown ? (_: () => U) => void : never> extends () => infer Last ? Last : never

// Several results that say the same are one type, or the compiler would need a minute for a deploy.
const none: { readonly id?: string } = {}
const maybe = Step.make(
  "maybe",
  Effect.fnUntraced(function* ({ id }: { readonly id: string }) {
    yield* Effect.void
    if (id === "") return Step.skip("it is empty", none)
    return { id }
  })
)
same<AddsOf<typeof maybe>, { readonly id?: string }>(true)

// Others stay a union.
const sides = Step.make("sides", ({ left }: { readonly left: boolean }) =>
  Effect.sync(() => (left ? { left: 1 } : { right: 1 }))
)
same<Equal<AddsOf<typeof sides>, LastOf<AddsOf<typeof sides>>>, false>(true)
const either = Step.make("either", ({ left }: { readonly left: boolean }) =>
  Effect.sync(() => (left ? ({ tag: "left" } as const) : ({ tag: "right" } as const)))
)
same<AddsOf<typeof either>, { readonly tag: "left" } | { readonly tag: "right" }>(true)
const something = Step.make("something", ({ left }: { readonly left: boolean }) =>
  Effect.sync((): {} | { readonly left: number } => (left ? { left: 1 } : {}))
)
same<AddsOf<typeof something>, {} | { readonly left: number }>(true)

const fails = Step.make("fails", () => Effect.fail("no" as const))
same<AddsOf<typeof fails>, never>(true)
const nothing = Step.make("nothing", () => Effect.void)
same<AddsOf<typeof nothing>, {}>(true)

// Each step that added a union would double the state's type, and the time that the compiler takes.
type Deployed = Pipeline.StateOf<typeof deploy>
same<Deployed, LastOf<Deployed>>(true)

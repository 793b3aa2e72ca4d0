// Only compiled, never run: what must compile and what must not, for outcomes of a forEach and changes of its strategy.
import { Effect, Schema } from "effect"
import type { Events } from "../../src/core/Events.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Strategy from "../../src/pipeline/Strategy.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"
import * as Runnable from "../../src/steps/Runnable.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(equal: Equal<A, B>) => equal

interface Input {
  readonly hosts: ReadonlyArray<string>
}
const work = Step.make("work", ({ host }: { readonly host: string }) =>
  host === "" ? Effect.fail(new Refused()) : Effect.succeed({ size: host.length })
)
const each = {
  name: "hosts",
  as: "host",
  items: ({ hosts }: Input) => hosts,
  key: (host: string) => host,
  body: Pipeline.make<{ readonly host: string }>("host").pipe(Pipeline.step(work))
} as const
const sizeOf = ({ size }: { readonly size: number }) => size

// With outcomes, the errors of the items are in the state.
const collected = Pipeline.make<Input>("p").pipe(
  Pipeline.forEach({ ...each, collect: { as: "all", value: sizeOf, outcomes: true } })
)
same<Pipeline.StateOf<typeof collected>["all"], ReadonlyArray<Pipeline.Outcome<string, number, Refused>>>(true)
export const never: Effect.Effect<unknown, never, Events> = run(collected, { hosts: [] })
// Without, the pipeline fails with them.
const plain = Pipeline.make<Input>("p").pipe(Pipeline.forEach({ ...each, collect: { as: "all", value: sizeOf } }))
same<Pipeline.StateOf<typeof plain>["all"], ReadonlyArray<number>>(true)
// @ts-expect-error The error is missing.
// @effect-diagnostics-next-line missingEffectError:off
export const failing: Effect.Effect<unknown, never, Events> = run(plain, { hosts: [] })

// strategy: only of a forEach, and by the state at its place.
export const rolling = plain.pipe(Pipeline.strategy("p/hosts", Strategy.rolling()))
export const byState = plain.pipe(
  Pipeline.strategy("p/hosts", ({ hosts }: Input) => Strategy.rolling({ batch: hosts.length }))
)
const byAll = ({ all }: { readonly all: number }) => Strategy.rolling({ batch: all })
// @ts-expect-error The state lacks what the strategy reads.
export const blind = plain.pipe(Pipeline.strategy("p/hosts", byAll))
// @ts-expect-error The path leads to a step.
export const ofStep = plain.pipe(Pipeline.strategy("p/hosts/work", Strategy.rolling()))
// @ts-expect-error The path does not exist.
export const nowhere = plain.pipe(Pipeline.strategy("p/host", Strategy.rolling()))
export const runnable = Runnable.make({
  description: "A deploy that replaces one server after the other",
  pipeline: deploy.pipe(Pipeline.strategy("deploy/servers", Strategy.rolling()))
})

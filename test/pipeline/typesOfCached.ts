// Only compiled, never run: what must compile and what must not, for Step.cached.
import { Effect, Schema } from "effect"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"

interface Input {
  readonly tag: string
}
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(equal: Equal<A, B>) => equal

const build = Step.make("build", () => Effect.succeed({ image: "" }), {
  result: Schema.Struct({ image: Schema.String })
})
const cached = build.pipe(Step.cached({ key: ({ tag }: Input) => tag, within: "1 hour" }))

// What the step adds is in the state also if it is cached.
const made = Pipeline.make<Input>("p").pipe(Pipeline.step(cached))
same<Pipeline.StateOf<typeof made>["image"], string>(true)
export const constant = Pipeline.make("p").pipe(Pipeline.step(build.pipe(Step.cached({ key: () => "1" }))))
// @ts-expect-error The state lacks what the key reads.
export const blind = Pipeline.make("p").pipe(Pipeline.step(cached))
// @ts-expect-error A key is a string.
export const numbered = build.pipe(Step.cached({ key: () => 1 }))
// @ts-expect-error A key is needed.
export const keyless = build.pipe(Step.cached({ within: "1 hour" }))

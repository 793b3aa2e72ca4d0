import { Context, Effect, Schema } from "effect"
import { deploy, Pipeline, type Project, Runnable, Shell, Step } from "../../../src/index.ts"

/** What does not compile: `bun run types` finds a line here that does. */
class Weather extends Context.Service<Weather, { readonly today: string }>()("test/Weather") {}

const path = Schema.Struct({ path: Schema.String })
const asking = Pipeline.make<{ readonly project: Project; readonly path: string }>("asking").pipe(
  Pipeline.step(Step.make("ask", ({ path }: { readonly path: string }) => Effect.log(path)))
)
const outside = Pipeline.make("outside").pipe(Pipeline.step(Step.make("look", () => Effect.asVoid(Weather))))
const inside = Pipeline.make("inside").pipe(Pipeline.step(Step.make("look", () => Effect.asVoid(Shell))))
const description = "x"

export const right = [
  Runnable.make({ description, pipeline: deploy }),
  Runnable.make({ description, pipeline: inside }),
  Runnable.make({ description, flags: path, pipeline: asking })
]

export const wrong = [
  // @ts-expect-error -- it needs a path, and has no flag for it
  Runnable.make({ description, pipeline: asking }),
  // @ts-expect-error -- its flag gives a number
  Runnable.make({ description, flags: Schema.Struct({ path: Schema.Int }), pipeline: asking }),
  // @ts-expect-error -- its flag may be missing
  Runnable.make({ description, flags: Schema.Struct({ path: Schema.optionalKey(Schema.String) }), pipeline: asking }),
  // @ts-expect-error -- jiji run has no such service
  Runnable.make({ description, pipeline: outside })
]

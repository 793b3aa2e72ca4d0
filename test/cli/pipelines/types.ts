// Compile-time tests of Runnable.make: `bun run types` checks what compiles, and that the rest does not.
import { Context, Effect, Schema } from "effect"
import { deploy, Pipeline, type Project, Runnable, Shell, Step } from "../../../src/index.ts"

class Weather extends Context.Service<Weather, { readonly today: string }>()("test/Weather") {}

const path = Schema.Struct({ path: Schema.String })
const asking = Pipeline.make<{ readonly project: Project; readonly path: string }>("asking").pipe(
  Pipeline.step(Step.make("ask", ({ path }: { readonly path: string }) => Effect.log(path)))
)
const outside = Pipeline.make("outside").pipe(Pipeline.step(Step.make("look", () => Effect.asVoid(Weather))))
const inside = Pipeline.make("inside").pipe(Pipeline.step(Step.make("look", () => Effect.asVoid(Shell))))
const description = "x"
const every = Schema.Struct({
  text: Schema.String,
  count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 })),
  page: Schema.URLFromString,
  within: Runnable.duration.pipe(Schema.withDecodingDefaultKey(Effect.succeed("5m"))),
  words: Schema.DurationFromString,
  tone: Schema.Literals(["plain", "sorry"]),
  loud: Schema.Boolean,
  except: Schema.Array(Schema.String),
  maybe: Schema.optionalKey(Schema.String),
  perhaps: Schema.optional(Schema.Finite)
})

void [
  Runnable.make({ description, pipeline: deploy }),
  Runnable.make({ description, pipeline: inside }),
  Runnable.make({ description, flags: path, pipeline: asking }),
  Runnable.make({ description, flags: every, pipeline: deploy })
]

void [
  // @ts-expect-error -- the pipeline needs a path, and there is no flag for it
  Runnable.make({ description, pipeline: asking }),
  // @ts-expect-error -- the flag is a number
  Runnable.make({ description, flags: Schema.Struct({ path: Schema.Int }), pipeline: asking }),
  // @ts-expect-error -- the flag is optional
  Runnable.make({ description, flags: Schema.Struct({ path: Schema.optionalKey(Schema.String) }), pipeline: asking }),
  // @ts-expect-error -- an object cannot be typed on a command line
  Runnable.make({ description, flags: Schema.Struct({ o: Schema.Struct({ a: Schema.String }) }), pipeline: deploy }),
  // @ts-expect-error -- neither can null
  Runnable.make({ description, flags: Schema.Struct({ o: Schema.NullOr(Schema.String) }), pipeline: deploy }),
  // @ts-expect-error -- jiji run has no such service
  Runnable.make({ description, pipeline: outside })
]

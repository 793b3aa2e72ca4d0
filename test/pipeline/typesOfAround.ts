// Only compiled, never run: what must compile and what must not, for wrappers of pipelines and the layers of Runnable.make.
import { Context, Effect, Layer, Schedule, Schema } from "effect"
import type { Events } from "../../src/core/Events.ts"
import type { Shell } from "../../src/layers/shell/Shell.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { run } from "../../src/pipeline/interpreter/run.ts"
import * as Step from "../../src/pipeline/Step.ts"
import * as Runnable from "../../src/steps/Runnable.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}
class Offline extends Schema.TaggedError<Offline>()("Offline", {}) {}
class Chat extends Context.Service<Chat, { readonly say: Effect.Effect<void, Refused> }>()("test/Chat") {}
class Http extends Context.Service<Http, { readonly get: Effect.Effect<string> }>()("test/Http") {}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(equal: Equal<A, B>) => equal

const say = Step.make("say", () => Effect.flatMap(Chat, ({ say }) => say))
const get = Step.make("get", () => Effect.flatMap(Http, ({ get }) => Effect.map(get, (body) => ({ body }))))
const both = Pipeline.make("p").pipe(Pipeline.step(say), Pipeline.step(get))

// provide: takes the service away, and adds the errors and needs of the layer.
declare const overHttp: Layer.Layer<Chat, Offline, Http>
const provided = Pipeline.make("p").pipe(Pipeline.step(say), Pipeline.provide(overHttp))
export const needsHttp: Effect.Effect<{}, Refused | Offline, Http | Events> = run(provided, {})
const runProvided = () => run(provided, {})
same<Effect.Services<ReturnType<typeof runProvided>>, Http | Events>(true)
same<Effect.Error<ReturnType<typeof runProvided>>, Refused | Offline>(true)
// @ts-expect-error The other service is still needed.
// @effect-diagnostics-next-line missingEffectContext:off
export const withoutHttp: Effect.Effect<unknown, unknown, Events> = run(both.pipe(Pipeline.provide(overHttp)), {})
// The handlers of the pipeline get the service, too.
const handled = provided.pipe(
  Pipeline.on("StepStarted", () => Effect.flatMap(Chat, ({ say }) => say)),
  Pipeline.provide(overHttp)
)
export const handledWithHttp: Effect.Effect<{}, Refused | Offline, Http | Events> = run(handled, {})
// The nodes keep their paths.
export const edited = handled.pipe(Pipeline.insertAfter("p/say", get))

// Runnable.make: its layers provide what `jiji run` does not have.
declare const live: Layer.Layer<Chat, Offline, Shell>
declare const silent: Layer.Layer<Chat>
declare const other: Layer.Layer<Http>
const describing = { description: "x", pipeline: Pipeline.make("p").pipe(Pipeline.step(say)) } as const
export const runnable = Runnable.make({ ...describing, layers: { live, rehearsal: silent } })
export const edit = Runnable.make({
  ...describing,
  pipeline: Pipeline.make("p").pipe(
    Pipeline.step(say),
    Pipeline.insertAfter(
      "p/say",
      Step.make("a", () => Effect.void)
    )
  ),
  layers: { live, rehearsal: silent }
})
export const merged = Runnable.make({
  description: "x",
  pipeline: Pipeline.make<{ readonly url: string }, "p">("p").pipe(Pipeline.pipeline(both)),
  flags: Schema.Struct({ url: Schema.String }),
  layers: { live: Layer.merge(live, other), rehearsal: Layer.merge(silent, other) }
})
// @ts-expect-error No layer provides the chat.
export const none = Runnable.make(describing)
// @ts-expect-error A rehearsal needs layers, too.
export const onlyLive = Runnable.make({ ...describing, layers: { live } })
// @ts-expect-error The layer of rehearsals does not provide the chat.
export const wrongLayer = Runnable.make({ ...describing, layers: { live, rehearsal: other } })
// @ts-expect-error `jiji run` does not provide what the layer needs.
export const needy = Runnable.make({ ...describing, layers: { live: overHttp, rehearsal: silent } })

// retry and timeout of a pipeline: the schedule accepts its errors, and both may read the state that it starts with.
interface Input {
  readonly patience: number
}
const asking = Pipeline.make<Input>("p").pipe(Pipeline.step(say), Pipeline.step(get))
const patient = ({ patience }: Input) => Schedule.recurs(patience)
const limited = asking.pipe(
  Pipeline.timeout(({ patience }: Input) => patience * 1000),
  Pipeline.retry(patient)
)
const runLimited = () => run(limited, { patience: 1 })
same<Effect.Error<ReturnType<typeof runLimited>>, Refused | Pipeline.StepTimedOut>(true)
same<Effect.Services<ReturnType<typeof runLimited>>, Chat | Http | Events>(true)
export const accepted = asking.pipe(Pipeline.retry(Schedule.recurs(2).pipe(Schedule.setInputType<Refused>())))
const onOffline = Schedule.recurs(2).pipe(Schedule.setInputType<Offline>())
// @ts-expect-error The schedule does not accept the error of the pipeline.
// @effect-diagnostics-next-line missingEffectError:off
export const unaccepted = asking.pipe(Pipeline.retry(onOffline))
const needing = both.pipe(Pipeline.retry(patient))
// @ts-expect-error The pipeline must start with what the schedule reads.
export const blindRetry = run(needing, {})
const early = asking.pipe(Pipeline.timeout(({ body }: { readonly body: string }) => body.length))
// @ts-expect-error What a step adds is not there yet when the pipeline starts.
export const earlyLimit = run(early, { patience: 1 })

// undo of a pipeline: reads its final state, and adds the services that it uses.
const undone = asking.pipe(
  Pipeline.undo(({ body, patience }: Input & { readonly body: string }) => Effect.log(body, patience))
)
// @ts-expect-error The undo reads what the node adds.
export const unread = undone.pipe(Pipeline.remove("p/get"))
// @ts-expect-error The final state lacks what the undo reads.
export const blindUndo = asking.pipe(Pipeline.undo(({ size }: { readonly size: number }) => Effect.log(size)))
const quiet = Pipeline.make("p").pipe(Pipeline.undo(() => Effect.flatMap(Chat, ({ say }) => say)))
const runQuiet = () => run(quiet, {})
same<Effect.Services<ReturnType<typeof runQuiet>>, Chat | Events>(true)

// The same for steps: what the schedule or the limit reads becomes a need of the step.
const stepLimit = get.pipe(
  Step.timeout(({ patience }: Input) => patience * 1000),
  Step.retry(patient)
)
export const limitedStep = Pipeline.make<Input>("p").pipe(Pipeline.step(stepLimit))
// @ts-expect-error The state lacks it.
export const unlimitedStep = Pipeline.make("p").pipe(Pipeline.step(stepLimit))

import { Cause, Context, Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { runAuthorFunction } from "../../core/authorFunction.ts"
import { type Event, isEnd } from "../../core/Event.ts"
import { CurrentPath, Events, originalPath } from "../../core/Events.ts"
import { messageOf, sourceLocation } from "../../core/errorText.ts"
import { type Node, namedNodes, type PipelineNode, type Subscriber } from "../Node.ts"
import { SubscriberFailed } from "../PipelineError.ts"

/** How long a run waits for its subscribers at the end. */
const waitLimit = "2 seconds"

/** Whether handlers are called. A dry run calls none, because they may do anything. */
export const CallHandlers = Context.Reference<boolean>("jiji/pipeline/interpreter/CallHandlers", {
  defaultValue: () => true
})

/** A subscriber, and a pattern of the original paths whose events it gets. */
interface Subscription {
  readonly subscriber: Subscriber
  readonly paths: RegExp
  /** The layers that nested pipelines around the subscriber provide, innermost first. */
  readonly layers: Layers
}
type Layers = ReadonlyArray<Layer.Layer<never, unknown, unknown>>

const subscriptionsBelow = (node: Node, path: string, layers: Layers): ReadonlyArray<Subscription> => {
  const at = `${path}/${RegExp.escape("name" in node ? node.name : "")}`
  if (node._tag === "Pipeline") return subscriptionsOf(node, at, [...layersOf(node), ...layers])
  if (node._tag !== "ForEach") return []
  return subscriptionsOf(node.body, `${at}\\[.*?\\]`, [...layersOf(node.body), ...layers])
}

const layersOf = ({ wrappers }: PipelineNode): Layers =>
  wrappers.flatMap((wrapper) => (wrapper._tag === "Provide" ? [wrapper.layer] : []))

/** The same pipeline can be both sides of a choice, where only one side runs. */
const isFirst = ({ paths, subscriber }: Subscription, index: number, all: ReadonlyArray<Subscription>): boolean =>
  all.findIndex((each) => each.subscriber === subscriber && each.paths.source === paths.source) === index

/** Returns the subscribers of a pipeline and of the pipelines in it. `path` is the source of a regular expression. */
const subscriptionsOf = (pipeline: PipelineNode, first: string, layers: Layers): ReadonlyArray<Subscription> => {
  // Attempts after the first have their number in the path.
  const path = pipeline.wrappers.some(({ _tag }) => _tag === "Retry") ? `${first}(?:\\[\\d+\\])?` : first
  return [
    ...pipeline.subscribers.map((subscriber) => ({ subscriber, paths: new RegExp(`^${path}(?:[/[]|$)`), layers })),
    ...pipeline.nodes
      .flatMap(namedNodes)
      .flatMap((node) => subscriptionsBelow(node, path, layers))
      .filter(isFirst)
  ]
}

const failureOf = ({ tag }: Subscriber, cause: Cause.Cause<unknown>): SubscriberFailed => {
  const error = Cause.squash(cause)
  const at = sourceLocation(error)
  const [reason = ""] = Cause.hasInterruptsOnly(cause) ? ["it was interrupted"] : messageOf(error).split("\n")
  return new SubscriberFailed({ event: tag, reason, ...(at === undefined ? {} : { at }) })
}

/** Calls a subscriber for each event until the run ends, with the services of the run once they exist. */
const runSubscriber = Effect.fnUntraced(function* (
  { layers, paths, subscriber }: Subscription,
  stream: Stream.Stream<Event>,
  services: Deferred.Deferred<Context.Context<unknown>>,
  path: string
) {
  const { publish } = yield* Events
  let warned = false
  const warn = (ended: boolean, cause: Cause.Cause<unknown>) =>
    Effect.suspend(() => {
      // Warn only once, since the handler may fail on the warning itself, and never after the last event of the run.
      if (warned || ended) return Effect.void
      warned = true
      const { message: text } = failureOf(subscriber, cause)
      return Effect.provideService(publish({ _tag: "StepNoted", level: "warning", text }), CurrentPath, path)
    })
  const scope = yield* Effect.scope
  // Once for all events, and only if there is one.
  const context = yield* Effect.cached(
    Effect.flatMap(Deferred.await(services), (outer) =>
      layers.reduceRight<Effect.Effect<Context.Context<unknown>, unknown, unknown>>(
        (built, layer) =>
          Effect.flatMap(built, (outer) =>
            Effect.map(
              Effect.provideContext(Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), scope), outer),
              (inner) => Context.merge(outer, inner)
            )
          ),
        Effect.succeed(outer)
      )
    )
  )
  const handle = (event: Event) =>
    Effect.gen(function* () {
      const services = yield* context
      // The filter below ensures that the event has the subscriber's tag.
      const call = runAuthorFunction("the handler", subscriber, () => subscriber.handler(event as never))
      yield* Effect.provideContext(Effect.scoped(call), services)
    }).pipe(Effect.catchCause((cause) => warn(isEnd(event), cause)))
  yield* stream.pipe(
    Stream.takeUntil(isEnd),
    Stream.filter((event) => event._tag === subscriber.tag && paths.test(originalPath(event))),
    Stream.runForEach(handle)
  )
})

/**
 * Starts the subscribers of a pipeline. They get the events of the run until it ends. When the scope closes, waits for them
 * for a limited time.
 */
export const notifySubscribers = Effect.fnUntraced(function* (
  pipeline: PipelineNode,
  run: string,
  services: Deferred.Deferred<Context.Context<unknown>>
) {
  if (!(yield* CallHandlers)) return
  const events = yield* Events
  const fibers = yield* Effect.forEach(
    subscriptionsOf(pipeline, RegExp.escape(pipeline.name), []),
    Effect.fnUntraced(function* (subscription) {
      const stream = Stream.filter(yield* events.subscribe, (event) => event.run === run)
      // Detached, so that the run does not wait for a handler that cannot be interrupted.
      return yield* Effect.forkDetach(Effect.scoped(runSubscriber(subscription, stream, services, pipeline.name)))
    })
  )
  if (fibers.length === 0) return
  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      Effect.timeoutOption(Fiber.awaitAll(fibers), waitLimit),
      Effect.forkDetach(Fiber.interruptAll(fibers))
    )
  )
})

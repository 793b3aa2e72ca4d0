import { Cause, Context, Deferred, Effect, Fiber, Layer, Semaphore, Stream } from "effect"
import { runAuthorFunction } from "../../core/authorFunction.ts"
import { type Event, isEnd } from "../../core/Event.ts"
import { CurrentPath, Events, originalPath } from "../../core/Events.ts"
import { messageOf, sourceLocation } from "../../core/errorText.ts"
import type { PipelineNode, Subscriber } from "../Node.ts"
import { SubscriberFailed } from "../PipelineError.ts"
import { type Layers, matches, type Subscription, subscriptionsOf, subscriptionsOfCall } from "./subscriptions.ts"

/** How long a run waits for its subscribers at the end. */
const waitLimit = "2 seconds"

/** Whether handlers are called. A dry run calls none, because they may do anything. */
export const CallHandlers = Context.Reference<boolean>("jiji/pipeline/interpreter/CallHandlers", {
  defaultValue: () => true
})

const failureOf = ({ tag }: Subscriber, cause: Cause.Cause<unknown>): SubscriberFailed => {
  const error = Cause.squash(cause)
  const at = sourceLocation(error)
  const [reason = ""] = Cause.hasInterruptsOnly(cause) ? ["it was interrupted"] : messageOf(error).split("\n")
  return new SubscriberFailed({ event: tag, reason, ...(at === undefined ? {} : { at }) })
}

/** Calls a subscriber for each event until the run ends, with the services of the run once they exist. */
const runSubscriber = Effect.fnUntraced(function* (
  subscription: Subscription,
  stream: Stream.Stream<Event>,
  services: Deferred.Deferred<Context.Context<unknown>>,
  path: string
) {
  const { layers, subscriber } = subscription
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
    Stream.filter((event) => event._tag === subscriber.tag && matches(subscription, originalPath(event))),
    Stream.runForEach(handle)
  )
})

/** The handlers of one run. */
interface Handlers {
  /** Starts the handlers of a pipeline that the call at a path has chosen. */
  start(pipeline: PipelineNode, path: string): Effect.Effect<void>
}

/** The handlers of the current run. Undefined outside of a run, and where none are called. */
export const CurrentHandlers = Context.Reference<Handlers | undefined>("jiji/pipeline/interpreter/CurrentHandlers", {
  defaultValue: () => undefined
})

/** The layers that the pipelines around the current node provide, without those of the whole run, innermost first. */
export const HandlerLayers = Context.Reference<Layers>("jiji/pipeline/interpreter/HandlerLayers", {
  defaultValue: () => []
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
  if (!(yield* CallHandlers)) return undefined
  const events = yield* Events
  // Also for handlers that start with a call: they stay until the run ends, since a later failure may undo the call's steps.
  const context = yield* Effect.context<unknown>()
  const running: Array<Subscription> = []
  const fibers: Array<Fiber.Fiber<void>> = []
  const startOne = Effect.fnUntraced(function* (subscription: Subscription) {
    const stream = Stream.filter(yield* events.subscribe, (event) => event.run === run)
    running.push(subscription)
    // Detached, so that the run does not wait for a handler that cannot be interrupted.
    fibers.push(yield* Effect.forkDetach(Effect.scoped(runSubscriber(subscription, stream, services, pipeline.name))))
  })
  yield* Effect.addFinalizer(() =>
    fibers.length === 0
      ? Effect.void
      : Effect.andThen(
          Effect.timeoutOption(Fiber.awaitAll(fibers), waitLimit),
          Effect.forkDetach(Fiber.interruptAll(fibers))
        )
  )
  yield* Effect.forEach(subscriptionsOf(pipeline), startOne, { discard: true })
  // One call at a time, so that another one finds the handlers that it can share.
  const oneCall = yield* Semaphore.make(1)
  const handlers: Handlers = {
    start: Effect.fnUntraced(function* (called, path) {
      const layers = yield* HandlerLayers
      const startAll = Effect.suspend(() =>
        Effect.forEach(subscriptionsOfCall(called, path, layers, running), startOne, { discard: true })
      )
      yield* Effect.provideContext(oneCall.withPermit(startAll), context)
    })
  }
  return handlers
})

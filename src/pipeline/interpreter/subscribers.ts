import { Cause, type Context, Deferred, Effect, Fiber, Stream } from "effect"
import { runAuthorFunction } from "../../core/authorFunction.ts"
import { type Event, isEnd } from "../../core/Event.ts"
import { CurrentPath, Events } from "../../core/Events.ts"
import { messageOf, sourceLocation } from "../../core/errorText.ts"
import { type Node, namedNodes, type PipelineNode, type Subscriber } from "../Node.ts"
import { SubscriberFailed } from "../PipelineError.ts"

/** How long a run that has ended waits for its subscribers. */
const limit = "2 seconds"

/** A subscriber, and the paths that it is told of. */
interface Told {
  readonly subscriber: Subscriber
  readonly paths: RegExp
}

const below = (node: Node, path: string): ReadonlyArray<Told> => {
  const at = `${path}/${RegExp.escape("name" in node ? node.name : "")}`
  if (node._tag === "Pipeline") return subscribersOf(node, at)
  return node._tag === "ForEach" ? subscribersOf(node.body, `${at}\\[.*?\\]`) : []
}

/** The subscribers of a pipeline and of those within it. `path` is the source of a regular expression. */
export const subscribersOf = (pipeline: PipelineNode, path: string): ReadonlyArray<Told> => [
  ...pipeline.subscribers.map((subscriber) => ({ subscriber, paths: new RegExp(`^${path}(?:[/[]|$)`) })),
  ...pipeline.nodes.flatMap(namedNodes).flatMap((node) => below(node, path))
]

const failureOf = ({ tag }: Subscriber, cause: Cause.Cause<unknown>): SubscriberFailed => {
  const error = Cause.squash(cause)
  const at = sourceLocation(error)
  const [reason = ""] = Cause.hasInterruptsOnly(cause) ? ["it was interrupted"] : messageOf(error).split("\n")
  return new SubscriberFailed({ event: tag, reason, ...(at === undefined ? {} : { at }) })
}

/** Tells a subscriber of events as long as there are any, with the services that there are by then. */
const tell = Effect.fnUntraced(function* (
  { paths, subscriber }: Told,
  stream: Stream.Stream<Event>,
  services: Deferred.Deferred<Context.Context<unknown>>,
  path: string
) {
  const { publish } = yield* Events
  let warned = false
  const warn = (ended: boolean, cause: Cause.Cause<unknown>) =>
    Effect.suspend(() => {
      // Nothing is said after a run's last event, and what is said may be what it fails at.
      if (warned || ended) return Effect.void
      warned = true
      const { message: text } = failureOf(subscriber, cause)
      return Effect.provideService(publish({ _tag: "StepNoted", level: "warning", text }), CurrentPath, path)
    })
  const handle = (event: Event) =>
    Effect.gen(function* () {
      const context = yield* Deferred.await(services)
      // An event of its tag, as its signature says.
      const asked = runAuthorFunction("its function", subscriber, () => subscriber.handler(event as never))
      yield* Effect.provideContext(Effect.scoped(asked), context)
    }).pipe(Effect.catchCause((cause) => warn(isEnd(event), cause)))
  yield* stream.pipe(
    Stream.takeUntil(isEnd),
    Stream.filter((event) => event._tag === subscriber.tag && paths.test(event.path)),
    Stream.runForEach(handle)
  )
})

/**
 * Tells the subscribers of a pipeline of the events of this run, from now until it has ended. Whoever is still at it
 * then is waited for, but not for long.
 */
export const notifySubscribers = Effect.fnUntraced(function* (
  pipeline: PipelineNode,
  run: string,
  services: Deferred.Deferred<Context.Context<unknown>>
) {
  const events = yield* Events
  const fibers = yield* Effect.forEach(
    subscribersOf(pipeline, RegExp.escape(pipeline.name)),
    Effect.fnUntraced(function* (told) {
      const stream = Stream.filter(yield* events.subscribe, (event) => event.run === run)
      // One that does not let itself be interrupted must not be waited for either.
      return yield* Effect.forkDetach(tell(told, stream, services, pipeline.name))
    })
  )
  if (fibers.length === 0) return
  yield* Effect.addFinalizer(() =>
    Effect.andThen(Effect.timeoutOption(Fiber.awaitAll(fibers), limit), Effect.forkDetach(Fiber.interruptAll(fibers)))
  )
})

import { type Cause, Clock, Context, Effect, Layer, Queue, type Schema, type Scope, Stream } from "effect"
import { Event, type EventBody, isEnd } from "./Event.ts"
import { publicPaths } from "./publicPaths.ts"
import { scrubbed, scrubEncoded } from "./scrubSchema.ts"
import { Scrubber } from "./Scrubber.ts"

/** The path of the node that the current fiber runs, such as `deploy/servers[web1]/pull`. Empty outside a run. */
export const CurrentPath = Context.Reference<string>("jiji/core/CurrentPath", { defaultValue: () => "" })

/** The id of the run that the current fiber belongs to. Empty outside a run. */
export const CurrentRun = Context.Reference<string>("jiji/core/CurrentRun", { defaultValue: () => "" })

const scrubEvent = scrubbed(Event)

/** The original paths of events whose path had a secret in it. */
const originalPaths = new WeakMap<Event, string>()

/**
 * Returns the path of an event's node before secrets were removed from it, as in {@link CurrentPath}. Only for comparing: it
 * must not be shown or stored.
 */
export const originalPath = (event: Event): string => originalPaths.get(event) ?? event.path

/**
 * The stream of events of all runs in this process. Publishing never waits for subscribers. Known secrets are removed
 * from an event before any subscriber sees it.
 */
export class Events extends Context.Service<
  Events,
  {
    /**
     * Adds `seq`, `run`, `time` and `path` to an event of the current node, and publishes it. With the schema of its
     * `result`, secrets are only removed from the data in it, not from the keys and literals that the schema declares.
     */
    publish(body: EventBody, result?: Schema.Top): Effect.Effect<void>
    /** Subscribes until the scope closes. The stream has every event published after this effect completes. */
    readonly subscribe: Effect.Effect<Stream.Stream<Event>, never, Scope.Scope>
  }
>()("jiji/core/Events") {
  static readonly layer = Layer.effect(
    Events,
    Effect.gen(function* () {
      const scrubber = yield* Scrubber
      // Queues, not a PubSub: a queue wakes its reader once for all events that a step publishes in one go, a PubSub for each.
      const queues = new Set<Queue.Queue<Event, Cause.Done>>()
      const close = (queue: Queue.Queue<Event, Cause.Done>) =>
        Effect.sync(() => {
          queues.delete(queue)
          Queue.endUnsafe(queue)
        })
      yield* Effect.addFinalizer(() => Effect.forEach(queues, close, { discard: true }))
      const paths = publicPaths(scrubber.text)
      let seq = 0
      return Events.of({
        publish: (body, result) =>
          // Number and publish synchronously, so that two fibers cannot publish out of order.
          Effect.withFiber((fiber) => {
            seq++
            const run = fiber.getRef(CurrentRun)
            // Without subscribers, as in a dry run that prints no events, the rest would be done for nobody.
            if (queues.size > 0) {
              const original = fiber.getRef(CurrentPath)
              const path = paths.toPublic(run, original)
              const time = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
              const known =
                result !== undefined && "result" in body ? scrubEncoded(result, body.result, scrubber) : undefined
              const scrubbed = scrubEvent(body, scrubber)
              const event = { ...scrubbed, ...(known !== undefined && { result: known }), seq, run, time, path }
              if (path !== original) originalPaths.set(event, original)
              for (const queue of queues) Queue.offerUnsafe(queue, event)
            }
            if (isEnd(body)) paths.forget(run)
            return Effect.void
          }),
        subscribe: Effect.acquireRelease(
          Effect.tap(Queue.unbounded<Event, Cause.Done>(), (queue) => Effect.sync(() => queues.add(queue))),
          close
        ).pipe(Effect.map(Stream.fromQueue))
      })
    })
  )
}

import { Clock, Context, Effect, Layer, PubSub, type Scope, Stream } from "effect"
import { type Event, type EventBody, isEnd } from "./Event.ts"
import { publicPaths } from "./publicPaths.ts"
import { Scrubber } from "./Scrubber.ts"

/** The path of the node that the current fiber works for, `deploy/servers[web1]/pull` for one; empty outside a run. */
export const CurrentPath = Context.Reference<string>("jiji/core/CurrentPath", { defaultValue: () => "" })

/** The id of the run that the current fiber works for; empty outside a run. */
export const CurrentRun = Context.Reference<string>("jiji/core/CurrentRun", { defaultValue: () => "" })

/**
 * The one stream of events. Publishing never waits for a subscriber, and an event is free of known secrets before any
 * subscriber sees it.
 */
export class Events extends Context.Service<
  Events,
  {
    /** Stamps and publishes an event for the current node. */
    publish(body: EventBody): Effect.Effect<void>
    /** Subscribes for the life of the scope, from the moment it returns. */
    readonly subscribe: Effect.Effect<Stream.Stream<Event>, never, Scope.Scope>
  }
>()("jiji/core/Events") {
  static readonly layer = Layer.effect(
    Events,
    Effect.gen(function* () {
      const scrubber = yield* Scrubber
      const hub = yield* Effect.acquireRelease(PubSub.unbounded<Event>(), PubSub.shutdown)
      const paths = publicPaths(scrubber.text)
      let seq = 0
      return Events.of({
        publish: (body) =>
          // Numbered and handed over in one turn, so that no two fibers can swap places in between.
          Effect.withFiber((fiber) => {
            const run = fiber.getRef(CurrentRun)
            const path = paths.of(run, fiber.getRef(CurrentPath))
            const time = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
            const event = { ...scrubber.deep(body), seq: ++seq, run, time, path }
            PubSub.publishUnsafe(hub, event)
            if (isEnd(event)) paths.end(run)
            return Effect.void
          }),
        subscribe: Effect.map(PubSub.subscribe(hub), Stream.fromSubscription)
      })
    })
  )
}

import { Cause, Clock, type Context, Deferred, Effect, Exit, type Layer, Random, type Scope } from "effect"
import { CurrentPath, CurrentRun, Events } from "../../core/Events.ts"
import { UndoableSteps } from "../../core/Held.ts"
import { runNodes } from "./runNodes.ts"
import type { PipelineNode } from "../Node.ts"
import { failureRecords } from "../../core/failureRecords.ts"
import { type NodeEffect, type State } from "./nodeEvents.ts"
import type { Pipeline } from "../Pipeline.ts"
import { UnhandledError } from "./UnhandledError.ts"
import { notifySubscribers } from "./subscribers.ts"
import { Undos } from "./undos.ts"

/** Short enough to say aloud, and in the order of time: `mf3k2a9c-7q1x`. */
const newRunId = Effect.gen(function* () {
  const time = yield* Clock.currentTimeMillis
  const random = yield* Random.nextIntBetween(0, 36 ** 4)
  return `${time.toString(36)}-${random.toString(36).padStart(4, "0")}`
})

/** Runs the body between the run's first event and its last. */
const bounded = (name: string, body: NodeEffect<State>): NodeEffect<State> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const events = yield* Events
      const began = yield* Clock.currentTimeMillis
      yield* events.publish({ _tag: "RunStarted", version: 1, name })
      const stray = yield* UnhandledError
      const exit = yield* Effect.exit(restore(stray === undefined ? body : Effect.raceFirst(body, stray)))
      const millis = (yield* Clock.currentTimeMillis) - began
      if (Exit.isSuccess(exit)) yield* events.publish({ _tag: "RunSucceeded", millis })
      else if (Cause.hasInterruptsOnly(exit.cause)) yield* events.publish({ _tag: "RunInterrupted", millis })
      else yield* events.publish({ _tag: "RunFailed", millis, failures: failureRecords(exit.cause) })
      return yield* exit
    })
  )

/**
 * Runs a pipeline from the state it needs. Every node publishes its beginning and its end; what a pipeline's steps
 * acquired is released, in reverse order, before its end is published, on success, failure and interruption alike.
 *
 * Layers that are given live as long as the run does: what they hold is released before the run's end is published.
 */
export const run = <N extends object, S, E, R, ROut = never, LE = never, RIn = never>(
  pipeline: Pipeline<N, S, E, R>,
  input: N,
  layers?: Layer.Layer<ROut, LE, RIn>
): Effect.Effect<S, E | LE, Exclude<R, Scope.Scope | ROut> | RIn | Events> => {
  const { name } = pipeline
  // A pipeline is a node but for its types; what they promise was checked where it was put together.
  const node = pipeline as PipelineNode
  const program = Effect.gen(function* () {
    const id = yield* newRunId
    const services = yield* Deferred.make<Context.Context<unknown>>()
    const offer = Effect.flatMap(Effect.context<unknown>(), (context) => Deferred.succeed(services, context))
    const undos = new Undos(yield* UndoableSteps)
    const nodes = Effect.andThen(offer, runNodes(node, input as State, name, undos)).pipe(
      Effect.ensuring(Effect.sync(() => undos.forget(name)))
    )
    const body = layers === undefined ? nodes : Effect.provide(nodes, layers)
    yield* Effect.provideService(notifySubscribers(node, id, services), CurrentRun, id)
    // Where the layers cannot be built, what is told of that has to do without them.
    return yield* Effect.provideService(
      bounded(
        name,
        Effect.onExit(body, () => offer)
      ),
      CurrentRun,
      id
    )
  }).pipe(Effect.scoped, Effect.provideService(CurrentPath, name))
  return program as Effect.Effect<S, E | LE, Exclude<R, Scope.Scope | ROut> | RIn | Events>
}

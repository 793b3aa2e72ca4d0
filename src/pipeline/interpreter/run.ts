import { Cause, Clock, type Context, Deferred, Effect, Exit, type Layer, Random, type Scope } from "effect"
import { CurrentPath, CurrentRun, Events } from "../../core/Events.ts"
import { IsDryRun } from "../../core/IsDryRun.ts"
import { UndoableSteps } from "../../core/NameTracker.ts"
import { Activity, CurrentActivity, type Wait, WhenWaiting } from "./Activity.ts"
import { Background, CurrentBackground } from "./background.ts"
import { CurrentJournal, OpenJournal } from "./Journal.ts"
import { runNodes } from "./runNodes.ts"
import type { PipelineNode } from "../Node.ts"
import { failureRecords } from "../../core/failureRecords.ts"
import { type NodeEffect, type State } from "./nodeEvents.ts"
import type { Pipeline } from "../Pipeline.ts"
import { addUndos, wrapNodes } from "./wrapNodes.ts"
import { UnhandledError } from "./UnhandledError.ts"
import { CurrentHandlers, HandlerLayers, notifySubscribers } from "./subscribers.ts"
import { CurrentStep, Undos } from "./undos.ts"

/** Short, and sorted by time: `mf3k2a9c-7q1x`. */
const newRunId = Effect.gen(function* () {
  const time = yield* Clock.currentTimeMillis
  const random = yield* Random.nextIntBetween(0, 36 ** 4)
  return `${time.toString(36)}-${random.toString(36).padStart(4, "0")}`
})

/** Publishes the first and the last event of the run. */
const withRunEvents = (
  name: string,
  { parent, resumes }: { readonly parent: string; readonly resumes: string | undefined },
  body: NodeEffect<State>,
  waits: Effect.Effect<ReadonlyArray<Wait> | undefined>
): NodeEffect<State> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const events = yield* Events
      const startedAt = yield* Clock.currentTimeMillis
      const isDryRun = yield* IsDryRun
      const origin = {
        ...(isDryRun && { dryRun: true as const }),
        ...(parent !== "" && { parent }),
        ...(resumes !== undefined && { resumes })
      }
      yield* events.publish({ _tag: "RunStarted", version: 1, name, ...origin })
      const unhandledError = yield* UnhandledError
      const exit = yield* Effect.exit(
        restore(unhandledError === undefined ? body : Effect.raceFirst(body, unhandledError))
      )
      const millis = (yield* Clock.currentTimeMillis) - startedAt
      if (Exit.isSuccess(exit)) yield* events.publish({ _tag: "RunSucceeded", millis })
      else if (Cause.hasInterruptsOnly(exit.cause)) {
        const waiting = yield* waits
        yield* events.publish({ _tag: "RunInterrupted", millis, ...(waiting !== undefined && { waits: waiting }) })
      } else yield* events.publish({ _tag: "RunFailed", millis, failures: failureRecords(exit.cause) })
      return yield* exit
    })
  )

/**
 * Runs a pipeline and returns its final state. `input` is the state that it starts with.
 *
 * Publishes the events of the run and of every node. When a pipeline ends, whether it succeeds, fails or is interrupted, the
 * resources of its steps are released in reverse order before its last event.
 *
 * A step can call this, too. That starts another run with its own ID, whose `parent` is the run of the step. If the nested run
 * fails or is interrupted, its steps are undone before it ends. If it has succeeded and the outer run fails later, they are
 * undone with the steps of the outer run, unless the step that started it has an undo of its own.
 *
 * If `OpenJournal` is provided, the run stores which steps have completed, and does not run those again that are in it already.
 *
 * Work that steps have left in the background (`Step.inBackground`) ends before the run does.
 *
 * `layers` are built when the run starts and released before its last event.
 */
export const run = <N extends object, S, E, R, ROut = never, LE = never, RIn = never>(
  pipeline: Pipeline<N, S, E, R>,
  input: N,
  layers?: Layer.Layer<ROut, LE, RIn>
): Effect.Effect<S, E | LE, Exclude<R, Scope.Scope | ROut> | RIn | Events> => {
  const { name } = pipeline
  // At run time a pipeline is a PipelineNode. The compiler checked its types when it was built.
  const node = pipeline as PipelineNode
  const program = Effect.gen(function* () {
    const id = yield* newRunId
    const parent = yield* CurrentRun
    const openJournal = yield* OpenJournal
    // A nested run is part of its step, which runs again as a whole.
    const journal = parent === "" && openJournal !== undefined ? yield* openJournal({ id, pipeline: name }) : undefined
    const services = yield* Deferred.make<Context.Context<unknown>>()
    const provideServices = Effect.flatMap(Effect.context<unknown>(), (context) => Deferred.succeed(services, context))
    const background = new Background()
    const undos = new Undos(yield* UndoableSteps, background)
    const whenWaiting = journal === undefined ? undefined : yield* WhenWaiting
    const activity = whenWaiting === undefined ? yield* CurrentActivity : new Activity(background)
    const step = yield* CurrentStep
    const context = yield* Effect.context<unknown>()
    // The layers of this run have been released when a later failure undoes its steps, so build them again.
    const provide = (undo: NodeEffect<unknown>) =>
      Effect.provideContext(layers === undefined ? undo : Effect.provide(undo, layers), context)
    const nodes = wrapNodes(
      node,
      input as State,
      name,
      undos,
      // Here, so that handlers have the services that are provided to the whole pipeline.
      (path) =>
        Effect.andThen(provideServices, runNodes(node, input as State, path, undos)).pipe(
          Effect.provideService(HandlerLayers, [])
        ),
      (allNodes) => background.finish(allNodes)
    ).pipe(
      Effect.map((added): State => ({ ...input, ...added })),
      Effect.provideService(CurrentStep, undefined),
      Effect.provideService(CurrentBackground, background),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) {
            addUndos(node, exit.value, name, undos)
            step?.undos.adopt(step, undos, provide)
          }
          undos.close()
        })
      )
    )
    const provided = layers === undefined ? nodes : Effect.provide(nodes, layers)
    const suspend = Effect.sync(() => {
      if (whenWaiting === "undo") return
      activity?.suspend()
      // So that nothing is undone.
      undos.close()
    })
    const body =
      activity === undefined || whenWaiting === undefined
        ? provided
        : Effect.raceFirst(
            provided,
            activity.untilQuiet.pipe(Effect.andThen(suspend), Effect.andThen(Effect.interrupt))
          )
    const handlers = yield* Effect.provideService(notifySubscribers(node, id, services), CurrentRun, id)
    // If the layers cannot be built, subscribers have to run without them.
    return yield* Effect.provideService(
      withRunEvents(
        name,
        { parent, resumes: journal?.resumes },
        Effect.onExit(body, () => provideServices),
        whenWaiting === undefined || activity === undefined ? Effect.undefined : activity.waits
      ).pipe(Effect.provideService(CurrentHandlers, handlers)),
      CurrentRun,
      id
    ).pipe(Effect.provideService(CurrentJournal, journal), Effect.provideService(CurrentActivity, activity))
  }).pipe(Effect.scoped, Effect.provideService(CurrentPath, name))
  return program as Effect.Effect<S, E | LE, Exclude<R, Scope.Scope | ROut> | RIn | Events>
}

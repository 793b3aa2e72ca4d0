import { Cause, Clock, Effect, Exit, type Layer, Random, Schema, type Scope } from "effect"
import type { EventBody, FailureRecord, NodeKind } from "./Event.ts"
import { CurrentPath, CurrentRun, Events } from "./Events.ts"
import { isFailure } from "./Failure.ts"
import type { ForEachNode, Node, Pipeline, StepNode } from "./Pipeline.ts"
import { isSkipped } from "./Step.ts"

type State = Readonly<Record<string, unknown>>
type Run<A> = Effect.Effect<A, unknown, unknown>

/** A failure as it is written down. A defect, which is no part of any error type, is named as what it is. */
export const failureRecords = (cause: Cause.Cause<unknown>): ReadonlyArray<FailureRecord> =>
  cause.reasons.flatMap((reason) => {
    if (Cause.isInterruptReason(reason)) return []
    const error = Cause.isFailReason(reason) ? reason.error : reason.defect
    if (isFailure(error)) return [{ tag: error._tag, message: error.message, remedy: error.remedy }]
    return [
      {
        tag: "Defect",
        message: error instanceof Error ? error.message : String(error),
        remedy: "This is a fault in jiji or in a step of your own. Please report it with the lines above."
      }
    ]
  })

/** What a node's end says beyond how long it took. */
type Ended = { readonly skipped?: string; readonly result?: unknown }

/** Publishes the node's beginning and its end; whatever happens, there is exactly one end. */
const observed = <A>(kind: NodeKind, path: string, node: Run<A>, ended: (value: A) => Ended = () => ({})): Run<A> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const events = yield* Events
      const began = yield* Clock.currentTimeMillis
      yield* events.publish({ _tag: "StepStarted", kind })
      const exit = yield* Effect.exit(restore(node))
      const millis = (yield* Clock.currentTimeMillis) - began
      yield* events.publish(end(kind, millis, exit, ended))
      return yield* exit
    })
  ).pipe(Effect.provideService(CurrentPath, path))

const end = <A>(kind: NodeKind, millis: number, exit: Exit.Exit<A, unknown>, ended: (value: A) => Ended): EventBody => {
  if (Exit.isFailure(exit)) {
    return Cause.hasInterruptsOnly(exit.cause)
      ? { _tag: "StepInterrupted", kind, millis }
      : { _tag: "StepFailed", kind, millis, failures: failureRecords(exit.cause) }
  }
  const { skipped, ...rest } = ended(exit.value)
  return skipped === undefined
    ? { _tag: "StepSucceeded", kind, millis, ...rest }
    : { _tag: "StepSkipped", kind, millis, reason: skipped, ...rest }
}

const runStep = (step: StepNode, state: State, path: string): Run<State> => {
  const { result } = step
  return Effect.map(
    observed(
      "step",
      path,
      // The compiler has checked the state against the step's needs where the pipeline was put together.
      Effect.map(step.run(state as never), (answer) => {
        const { adds, ...skipped } = isSkipped(answer)
          ? { adds: answer.adds, skipped: answer.reason }
          : { adds: answer }
        // What a step adds is what its schema describes; where it is not, that is the step's fault, and ends it.
        const encoded = result === undefined ? {} : { result: Schema.encodeUnknownSync(result)(adds) }
        return { adds, ended: { ...skipped, ...encoded } }
      }),
      ({ ended }) => ended
    ),
    ({ adds }) => ({ ...state, ...(adds as object | undefined) })
  )
}

const runForEach = (node: ForEachNode, state: State, path: string): Run<State> =>
  observed(
    "forEach",
    path,
    Effect.gen(function* () {
      let failed: string | undefined
      const exits = yield* Effect.forEach(
        node.items(state as never),
        (item) => {
          const key = node.key(item as never)
          const at = `${path}[${key}]`
          if (failed !== undefined && node.strategy.onFailure === "stop") {
            const skipped = `not begun, because ${failed} failed`
            return Effect.as(
              observed("item", at, Effect.void, () => ({ skipped })),
              undefined
            )
          }
          return observed("item", at, runNodes(node.body, { ...state, [node.as]: item }, at)).pipe(
            Effect.onError(() => Effect.sync(() => void (failed ??= key))),
            // An item's failure is kept, so that its neighbours are not cut off in the middle of their work.
            Effect.exit
          )
        },
        { concurrency: node.strategy.concurrency }
      )
      const ended = exits.filter((exit) => exit !== undefined)
      const reasons = ended.filter(Exit.isFailure).flatMap((exit) => exit.cause.reasons)
      if (reasons.length > 0) return yield* Effect.failCause(Cause.fromReasons(reasons))
      const { collect } = node
      if (collect === undefined) return state
      const values = ended.filter(Exit.isSuccess).map((exit) => collect.value(exit.value as never))
      return { ...state, [collect.as]: values }
    })
  )

const runNode = (node: Node, state: State, path: string): Run<State> => {
  switch (node._tag) {
    case "Step":
      return runStep(node, state, `${path}/${node.name}`)
    case "Pipeline":
      return observed("pipeline", `${path}/${node.name}`, runNodes(node, state, `${path}/${node.name}`))
    case "ForEach":
      return runForEach(node, state, `${path}/${node.name}`)
    case "Parallel":
      return Effect.map(
        Effect.forEach(node.branches, (branch) => runNode(branch, state, path), { concurrency: "unbounded" }),
        (states) => Object.assign({}, state, ...states)
      )
  }
}

/** The nodes of a pipeline in order, in a scope of their own. */
const runNodes = (pipeline: Pipeline<never, unknown, unknown, unknown>, state: State, path: string): Run<State> =>
  Effect.scoped(
    Effect.gen(function* () {
      let current = state
      for (const node of pipeline.nodes) current = yield* runNode(node, current, path)
      return current
    })
  )

/** Short enough to say aloud, and in the order of time: `mf3k2a9c-7q1x`. */
const newRunId = Effect.gen(function* () {
  const time = yield* Clock.currentTimeMillis
  const random = yield* Random.nextIntBetween(0, 36 ** 4)
  return `${time.toString(36)}-${random.toString(36).padStart(4, "0")}`
})

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
  const nodes = runNodes(pipeline, input as State, pipeline.name)
  const body = layers === undefined ? nodes : Effect.provide(nodes, layers)
  const program = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const events = yield* Events
      const began = yield* Clock.currentTimeMillis
      yield* events.publish({ _tag: "RunStarted", version: 1, name: pipeline.name })
      const exit = yield* Effect.exit(restore(body))
      const millis = (yield* Clock.currentTimeMillis) - began
      if (Exit.isSuccess(exit)) yield* events.publish({ _tag: "RunSucceeded", millis })
      else if (Cause.hasInterruptsOnly(exit.cause)) yield* events.publish({ _tag: "RunInterrupted", millis })
      else yield* events.publish({ _tag: "RunFailed", millis, failures: failureRecords(exit.cause) })
      return yield* exit
    })
  ).pipe(Effect.provideService(CurrentPath, pipeline.name))
  const identified = Effect.flatMap(newRunId, (id) => Effect.provideService(program, CurrentRun, id))
  // The nodes carry no types; what the pipeline's own types promise was checked where it was put together.
  return identified as Effect.Effect<S, E | LE, Exclude<R, Scope.Scope | ROut> | RIn | Events>
}

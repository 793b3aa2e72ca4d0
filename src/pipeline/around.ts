import type { Duration, Effect, Layer, Schedule, Scope } from "effect"
import type { PipelineNode, PipelineWrapper } from "./Node.ts"
import type { Pipeline } from "./Pipeline.ts"
import { DuplicatePath, type StepTimedOut } from "./PipelineError.ts"
import { takesUndoName } from "./paths.ts"
import type { NodeTypes } from "./types/NodeMap.ts"
import { timeoutOf, undoOf } from "./wrappers.ts"

const wrap = <P>(self: object, wrapper: PipelineWrapper): P => {
  // At run time every pipeline is a PipelineNode. The signatures below state its type.
  const pipeline = self as PipelineNode
  return { ...pipeline, wrappers: [...pipeline.wrappers, wrapper] } as P
}

/**
 * Provides a layer to the steps of a pipeline, their undos and its event handlers.
 *
 * The layer is built when the pipeline starts, and released when it ends, after the resources of its steps. If the layer
 * cannot be built, the pipeline fails. In a `forEach` each item has its own. An undo that runs after the pipeline has ended
 * builds the layer again. The handlers of a nested pipeline have their own, too.
 */
export const provide =
  <ROut, LE, RIn>(layer: Layer.Layer<ROut, LE, RIn>) =>
  <N, S, E, R, X, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Pipeline<N, S, E | LE, Exclude<R, ROut> | Exclude<RIn, Scope.Scope>, X, Name> =>
    // Wrappers have no type parameters.
    wrap(self, { _tag: "Provide", layer: layer as Layer.Layer<never, unknown, unknown> })

/**
 * Retries a failed pipeline according to a schedule, and publishes StepRetried before each retry. By then the steps of the
 * failed attempt are undone and its resources released. Defects and interruptions are not retried.
 *
 * The nodes of the second attempt have paths such as `deploy/images[2]/build`. The schedule may depend on the state with which
 * the pipeline starts.
 */
export const retry =
  <Out, Input, E2, R2, N2 = unknown>(
    schedule: Schedule.Schedule<Out, Input, E2, R2> | ((state: N2) => Schedule.Schedule<Out, Input, E2, R2>)
  ) =>
  <N, S, E extends Input, R, X, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Pipeline<N & N2, S, E | E2, R | Exclude<R2, Scope.Scope>, X, Name> =>
    wrap(self, { _tag: "Retry", schedule })

/**
 * Fails a pipeline with StepTimedOut if it takes longer. Its steps are then undone and its resources released, which is not
 * limited. Applied before {@link retry}, it limits each attempt; applied after, it limits all attempts together.
 *
 * The limit may depend on the state with which the pipeline starts.
 */
export const timeout =
  <N2 = unknown>(duration: Duration.Input | ((state: N2) => Duration.Input)) =>
  <N, S, E, R, X, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Pipeline<N & N2, S, E | StepTimedOut, R, X, Name> =>
    wrap(self, timeoutOf(duration))

/**
 * Adds an undo to a pipeline. `run` gets the pipeline's final state.
 *
 * It runs once, if the pipeline succeeded and an enclosing one fails or is interrupted later: before the undos of the steps
 * in it, which also run. Otherwise it is like the undo of a step. Throws {@link DuplicatePath} if the pipeline has a node
 * `undo`, because the path of that is the path of the undo.
 */
export const undo =
  <S2, E2, R2>(run: (state: S2) => Effect.Effect<unknown, E2, R2>, options?: { readonly within?: Duration.Input }) =>
  <N, S extends S2, E, R, X, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Pipeline<N, S, E, R | Exclude<R2, Scope.Scope>, X & { readonly "?": NodeTypes<S2, {}, S, S> }, Name> => {
    if (takesUndoName(self.nodes)) throw new DuplicatePath({ path: `${self.name}/undo` })
    return wrap(
      self,
      undoOf((_added, state: S2) => run(state), options)
    )
  }

import type { Layer, Scope } from "effect"
import type { PipelineNode, PipelineWrapper } from "./Node.ts"
import type { Pipeline } from "./Pipeline.ts"

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

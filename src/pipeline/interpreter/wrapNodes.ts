import { Effect, Exit } from "effect"
import type { PipelineNode, PipelineWrapper } from "../Node.ts"
import type { NodeEffect } from "./nodeEvents.ts"
import type { Undos } from "./undos.ts"

const applyWrapper = <A>(wrapper: PipelineWrapper, inner: NodeEffect<A>, path: string, undos: Undos): NodeEffect<A> => {
  switch (wrapper._tag) {
    case "Provide": {
      const { layer } = wrapper
      // Before the layer is released: the pipeline can still be interrupted and undone while it is.
      const keepUndos = Effect.onExit(inner, (exit) =>
        Effect.sync(() => (Exit.isSuccess(exit) ? undos.provide(path, layer) : undefined))
      )
      // Local, or pipelines that run at the same time would share resources that belong to the first of them.
      return Effect.provide(keepUndos, layer, { local: true })
    }
  }
}

/**
 * Applies the wrappers of a pipeline to its nodes, which `run` runs at a path. `finish` ends what still runs when the nodes
 * have ended: within the first wrapper that provides services, since it may use them.
 */
export const wrapNodes = <A>(
  { wrappers }: PipelineNode,
  path: string,
  undos: Undos,
  run: (path: string) => NodeEffect<A>,
  finish: (nodes: NodeEffect<A>) => NodeEffect<A> = (nodes) => nodes
): NodeEffect<A> => {
  const nodes = run(path)
  const provides = wrappers.findIndex(({ _tag }) => _tag === "Provide")
  const inner = provides === -1 ? wrappers : wrappers.slice(0, provides)
  const apply = (effect: NodeEffect<A>, wrapper: PipelineWrapper) => applyWrapper(wrapper, effect, path, undos)
  return wrappers.slice(inner.length).reduce(apply, finish(inner.reduce(apply, nodes)))
}

import { Effect, Exit } from "effect"
import type { PipelineNode, PipelineWrapper } from "../Node.ts"
import { CurrentJournal } from "./Journal.ts"
import { limitNode, retryNode } from "./limits.ts"
import { withNodeEvents, type NodeEffect, type State } from "./nodeEvents.ts"
import { HandlerLayers } from "./subscribers.ts"
import type { Undos } from "./undos.ts"

const labelOf = ({ name }: PipelineNode): string => `the pipeline ${JSON.stringify(name)}`

const applyWrapper = <A>(
  wrapper: PipelineWrapper,
  inner: NodeEffect<A>,
  state: State,
  path: string,
  name: string,
  undos: Undos
): NodeEffect<A> => {
  // The nodes may have succeeded when the limit is reached, or the run is interrupted while a layer is released.
  const undoOnError = (effect: NodeEffect<A>) => Effect.onError(effect, () => undos.undo(path))
  switch (wrapper._tag) {
    case "Retry":
      return retryNode(wrapper, inner, state, name)
    case "Timeout":
      return undoOnError(limitNode(wrapper, inner, state, path, name))
    case "Undo":
      return inner
    case "Provide": {
      const { layer } = wrapper
      // Before the layer is released: the pipeline can still be interrupted and undone while it is.
      const keepUndos = Effect.onExit(inner, (exit) =>
        Effect.sync(() => (Exit.isSuccess(exit) ? undos.provide(path, layer) : undefined))
      )
      // Local, or pipelines that run at the same time would share resources that belong to the first of them.
      const known = Effect.updateService(keepUndos, HandlerLayers, (outer) => [layer, ...outer])
      return undoOnError(Effect.provide(known, layer, { local: true }))
    }
  }
}

/**
 * Applies the wrappers of a pipeline to its nodes, which `run` runs at a path. Attempts after the first are nodes of their own,
 * since a path starts only once. `finish` ends what still runs when the nodes have ended: within the first wrapper that
 * provides services, since it may use them.
 */
export const wrapNodes = <A>(
  pipeline: PipelineNode,
  state: State,
  path: string,
  undos: Undos,
  run: (path: string) => NodeEffect<A>,
  finish: (nodes: NodeEffect<A>) => NodeEffect<A> = (nodes) => nodes
): NodeEffect<A> => {
  const { wrappers } = pipeline
  let attempts: number | undefined
  const nodes = !wrappers.some(({ _tag }) => _tag === "Retry")
    ? run(path)
    : Effect.flatMap(CurrentJournal, (journal) => {
        if (attempts === undefined) {
          // A resumed run goes on with the attempt that was cut off: its nodes have completed under its paths.
          const entry = journal?.read(path)
          attempts = entry?._tag === "Attempt" ? entry.attempt : 1
        } else attempts++
        if (attempts === 1) return run(path)
        const at = `${path}[${attempts}]`
        const attempt = withNodeEvents("pipeline", at, run(at))
        return journal === undefined
          ? attempt
          : Effect.andThen(journal.write(path, { _tag: "Attempt", attempt: attempts }), attempt)
      })
  const provides = wrappers.findIndex(({ _tag }) => _tag === "Provide")
  const inner = provides === -1 ? wrappers : wrappers.slice(0, provides)
  const apply = (effect: NodeEffect<A>, wrapper: PipelineWrapper) =>
    applyWrapper(wrapper, effect, state, path, labelOf(pipeline), undos)
  return wrappers.slice(inner.length).reduce(apply, finish(inner.reduce(apply, nodes)))
}

/** Adds the undos of a pipeline that has succeeded. `state` is its final state. */
export const addUndos = (pipeline: PipelineNode, state: State, path: string, undos: Undos): void => {
  const { wrappers } = pipeline
  wrappers.forEach((wrapper, index) => {
    if (wrapper._tag !== "Undo") return
    // The layers around it have been released by the time it runs.
    const layers = wrappers.slice(index).flatMap((each) => (each._tag === "Provide" ? [each.layer] : []))
    const provided = (...args: Parameters<typeof wrapper.run>) =>
      layers.reduce((undo, layer) => Effect.provide(undo, layer, { local: true }), wrapper.run(...args))
    undos.add(path, labelOf(pipeline), layers.length === 0 ? wrapper : { ...wrapper, run: provided }, {}, state)
  })
}

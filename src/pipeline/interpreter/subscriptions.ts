import type { Layer } from "effect"
import { type Node, namedNodes, type PipelineNode, type Subscriber } from "../Node.ts"

export type Layers = ReadonlyArray<Layer.Layer<never, unknown, unknown>>

/** A subscriber, and the original paths whose events it gets. */
export interface Subscription {
  readonly subscriber: Subscriber
  /** What follows one of the bases in these paths. */
  readonly paths: RegExp
  /** The paths of calls that have chosen the subscriber's pipeline; an empty one for those that are known from the start. */
  readonly bases: Set<string>
  /** The layers that nested pipelines around the subscriber provide, innermost first. */
  readonly layers: Layers
}

const subscriptionsBelow = (node: Node, path: string, layers: Layers): ReadonlyArray<Subscription> => {
  const at = `${path}/${RegExp.escape("name" in node ? node.name : "")}`
  switch (node._tag) {
    case "Pipeline":
      return subscriptionsAt(node, at, [...layersOf(node), ...layers])
    case "ForEach":
      return subscriptionsAt(node.body, `${at}\\[.*?\\]`, [...layersOf(node.body), ...layers])
    case "Call": {
      const { target } = node
      // The handlers of a pipeline that a function chooses start with the call.
      return typeof target === "function" ? [] : subscriptionsAt(target, at, [...layersOf(target), ...layers])
    }
    default:
      return []
  }
}

const layersOf = ({ wrappers }: PipelineNode): Layers =>
  wrappers.flatMap((wrapper) => (wrapper._tag === "Provide" ? [wrapper.layer] : []))

const isSame = (one: Subscription, other: Subscription): boolean =>
  one.subscriber === other.subscriber && one.paths.source === other.paths.source

/** The same pipeline can be both sides of a choice, where only one side runs. */
const isFirst = (subscription: Subscription, index: number, all: ReadonlyArray<Subscription>): boolean =>
  all.findIndex((each) => isSame(each, subscription)) === index

/** `first` is the source of a regular expression. */
const subscriptionsAt = (pipeline: PipelineNode, first: string, layers: Layers): ReadonlyArray<Subscription> => {
  // Attempts after the first have their number in the path.
  const path = pipeline.wrappers.some(({ _tag }) => _tag === "Retry") ? `${first}(?:\\[\\d+\\])?` : first
  return [
    ...pipeline.subscribers.map((subscriber) => ({
      subscriber,
      paths: new RegExp(`^${path}(?:[/[]|$)`),
      bases: new Set([""]),
      layers
    })),
    ...pipeline.nodes
      .flatMap(namedNodes)
      .flatMap((node) => subscriptionsBelow(node, path, layers))
      .filter(isFirst)
  ]
}

/** Returns the subscribers of a run's pipeline and of the pipelines in it. */
export const subscriptionsOf = (pipeline: PipelineNode): ReadonlyArray<Subscription> =>
  subscriptionsAt(pipeline, RegExp.escape(pipeline.name), [])

/** Returns whether a subscriber gets the events of a path. */
export const matches = ({ bases, paths }: Subscription, path: string): boolean => {
  for (let end = 0; end <= path.length; end++) {
    const isBoundary = end === 0 || end === path.length || path[end] === "/" || path[end] === "["
    if (isBoundary && bases.has(path.slice(0, end)) && paths.test(path.slice(end))) return true
  }
  return false
}

/**
 * Returns the subscribers that must start because a call has chosen a pipeline. Those that run already get the events of this
 * call from now on: calls that choose the same pipeline share its handlers. `layers` are those around the call.
 */
export const subscriptionsOfCall = (
  pipeline: PipelineNode,
  path: string,
  layers: Layers,
  running: ReadonlyArray<Subscription>
): ReadonlyArray<Subscription> =>
  subscriptionsAt(pipeline, "", [...layersOf(pipeline), ...layers]).flatMap((subscription) => {
    // In a recursion, a handler of the pipeline around the call gets the events of the call anyway.
    const isCovered = running.some((each) => each.subscriber === subscription.subscriber && matches(each, path))
    if (isCovered) return []
    const same = running.find((each) => isSame(each, subscription))
    if (same === undefined) return [{ ...subscription, bases: new Set([path]) }]
    same.bases.add(path)
    return []
  })

import type { Effect, Schema } from "effect"
import type { Event } from "../core/Event.ts"
import type { Wrapper } from "./Step.ts"
import type { Strategy } from "./Strategy.ts"

/** One node of a pipeline, with its types gone: what the runner interprets, and what can be listed and drawn. */
export type Node = StepNode | PipelineNode | ParallelNode | ForEachNode | WhenNode

export interface StepNode {
  readonly _tag: "Step"
  readonly name: string
  readonly result?: Schema.Codec<unknown, unknown>
  readonly run: (state: never) => Effect.Effect<unknown, unknown, unknown>
  readonly wrappers: ReadonlyArray<Wrapper>
}

/** A step as a sentence names it. */
export const stepLabel = ({ name }: StepNode): string => `the step ${JSON.stringify(name)}`

export interface PipelineNode {
  readonly _tag: "Pipeline"
  readonly name: string
  readonly nodes: ReadonlyArray<Node>
  readonly subscribers: ReadonlyArray<Subscriber>
}

/** Its branches stand in the path of the pipeline that it is in. */
export interface ParallelNode {
  readonly _tag: "Parallel"
  readonly branches: ReadonlyArray<Node>
}

export interface ForEachNode {
  readonly _tag: "ForEach"
  readonly name: string
  /** The key of the state that holds the item within the body. */
  readonly as: string
  readonly items: (state: never) => ReadonlyArray<unknown>
  readonly key: (item: never) => string
  readonly strategy: Strategy
  readonly body: PipelineNode
  /** Where a value of every body's final state is gathered. */
  readonly collect: { readonly as: string; readonly value: (state: never) => unknown } | undefined
}

/** Its body stands in the path of the pipeline that it is in. */
export interface WhenNode {
  readonly _tag: "When"
  readonly if: (state: never) => boolean
  readonly reason: string
  readonly body: StepNode | PipelineNode
}

/** What is told of the events of a pipeline. */
export interface Subscriber {
  readonly tag: Event["_tag"]
  readonly handler: (event: never) => Effect.Effect<unknown, unknown, unknown>
}

/** Everything that can be put into a pipeline is a node but for its type parameters. */
export const asNode = (node: object): Node => node as Node

/** The nodes that a node puts into the path of its pipeline: itself, its branches, or what it does under a condition. */
export const namedNodes = (node: Node): ReadonlyArray<StepNode | PipelineNode | ForEachNode> => {
  switch (node._tag) {
    case "Parallel":
      return node.branches.flatMap(namedNodes)
    case "When":
      return [node.body]
    default:
      return [node]
  }
}

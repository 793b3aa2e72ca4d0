import type { Effect, Layer, Schema } from "effect"
import type { Event } from "../core/Event.ts"
import type { Retry, Timeout, Undo, Wrapper } from "./Step.ts"
import type { Strategy } from "./Strategy.ts"

/** A node of a pipeline, without its type parameters. The runner, `describe` and `toMermaid` work on these. */
export type Node = StepNode | PipelineNode | ParallelNode | ForEachNode | WhenNode | ChooseNode | CallNode

export interface StepNode {
  readonly _tag: "Step"
  readonly name: string
  readonly result?: Schema.Codec<unknown, unknown>
  readonly reuse?: false | ((added: never, state: never) => boolean)
  /** The schema of the signal that the step waits for. */
  readonly signal?: Schema.Codec<unknown, unknown>
  readonly run: (state: never) => Effect.Effect<unknown, unknown, unknown>
  readonly wrappers: ReadonlyArray<Wrapper>
}

/** Returns the name of a step for use in a sentence: `the step "pull"`. */
export const stepLabel = ({ name }: StepNode): string => `the step ${JSON.stringify(name)}`

export interface PipelineNode {
  readonly _tag: "Pipeline"
  readonly name: string
  readonly nodes: ReadonlyArray<Node>
  readonly subscribers: ReadonlyArray<Subscriber>
  /** The wrappers around the pipeline, innermost first. */
  readonly wrappers: ReadonlyArray<PipelineWrapper>
}

/** Something that changes how a pipeline runs, without its type parameters. */
export type PipelineWrapper = Provide | Retry | Timeout | Undo

/** Layers that exist as long as the pipeline runs. */
export interface Provide {
  readonly _tag: "Provide"
  readonly layer: Layer.Layer<never, unknown, unknown>
}

/** It has no name: the paths of its branches begin with the path of the enclosing pipeline. */
export interface ParallelNode {
  readonly _tag: "Parallel"
  readonly branches: ReadonlyArray<Node>
}

export interface ForEachNode {
  readonly _tag: "ForEach"
  readonly name: string
  /** The key under which the body finds the item in its state. */
  readonly as: string
  readonly items: (state: never) => ReadonlyArray<unknown>
  readonly key: (item: never) => string
  readonly strategy: Strategy | ((state: never) => Strategy)
  readonly body: PipelineNode
  /** What an item waits for: keys of other items, and Effects that may return a reason to skip it. */
  readonly after?: (item: never, state: never) => ReadonlyArray<string | Wait>
  /** The node of the body before which an item waits. Without it, an item waits before it starts. */
  readonly waitBefore?: string
  readonly ended?: (item: never, state: never) => Effect.Effect<void>
  /** Collects one value of the final state of each item, under the key `as`; or how each item ended. */
  readonly collect:
    | { readonly as: string; readonly value: (state: never) => unknown; readonly outcomes?: boolean }
    | undefined
}

/** Something that an item of a forEach waits for. If it returns a reason, the item is skipped. */
export type Wait = Effect.Effect<string | undefined>

/** It has no name: the path of its body begins with the path of the enclosing pipeline. */
export interface WhenNode {
  readonly _tag: "When"
  readonly if: (state: never) => boolean
  readonly reason: string
  /** Publishes no event if the condition does not hold. */
  readonly quiet?: boolean
  readonly body: StepNode | PipelineNode
}

/** It has no name: the paths of its sides begin with the path of the enclosing pipeline. */
export interface ChooseNode {
  readonly _tag: "Choose"
  readonly if: (state: never) => boolean
  /** Shown in pictures. */
  readonly question?: string
  /** Runs if the condition holds. Absent if an edit has removed it. */
  readonly body?: StepNode | PipelineNode
  /** Runs if the condition does not hold. Absent if an edit has removed it. */
  readonly else?: StepNode | PipelineNode
}

/** Runs another pipeline with a state of its own. */
export interface CallNode {
  readonly _tag: "Call"
  readonly name: string
  /** The called pipeline, or a function that chooses it when the call starts. */
  readonly target: PipelineNode | ((state: never) => PipelineNode)
  readonly input: (state: never) => object
  /** Adds one value of the final state of the called pipeline, under the key `as`. */
  readonly collect: { readonly as: string; readonly value: (state: never) => unknown } | undefined
}

/** Returns the pipeline that a node calls, or undefined if it is only known when the call starts. */
export const calledPipeline = ({ target }: CallNode): PipelineNode | undefined =>
  typeof target === "function" ? undefined : target

/** A handler for the events of a pipeline with one tag. */
export interface Subscriber {
  readonly tag: Event["_tag"]
  readonly handler: (event: never) => Effect.Effect<unknown, unknown, unknown>
}

/** Drops the type parameters of a step or pipeline. At run time these are nodes already. */
export const asNode = (node: object): Node => node as Node

/**
 * Returns the nodes that have a name in the enclosing pipeline: the node itself, its branches, the body of a `when`, or the
 * sides of a `choose`, which can have the same name.
 */
export const namedNodes = (node: Node): ReadonlyArray<StepNode | PipelineNode | ForEachNode | CallNode> => {
  switch (node._tag) {
    case "Parallel":
      return node.branches.flatMap(namedNodes)
    case "When":
      return [node.body]
    case "Choose":
      return sidesOf(node)
    default:
      return [node]
  }
}

/** Returns the sides of a `choose` that exist. */
export const sidesOf = ({ body, else: other }: ChooseNode): ReadonlyArray<StepNode | PipelineNode> =>
  [body, other].filter((side) => side !== undefined)

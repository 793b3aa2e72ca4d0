import { Duration, Schema } from "effect"
import { calledPipeline, type Node, type PipelineNode, type PipelineWrapper } from "./Node.ts"
import type { Wrapper as StepWrapper } from "./Step.ts"
import { Strategy } from "./Strategy.ts"

/** A wrapper around a step or a pipeline. A `TimeoutFromState` is a time limit that depends on the state. */
const Wrapper = Schema.Union([
  Schema.TaggedStruct("Retry", {}),
  Schema.TaggedStruct("Timeout", { millis: Schema.Finite }),
  Schema.TaggedStruct("TimeoutFromState", {}),
  Schema.TaggedStruct("SkipWhen", {}),
  Schema.TaggedStruct("Cached", {}),
  Schema.TaggedStruct("Undo", {}),
  Schema.TaggedStruct("Provide", {})
])
/** Absent if there are none. */
const wrappers = Schema.optionalKey(Schema.Array(Wrapper))

/** The strategy of a forEach; `FromState` if it depends on the state. */
const DescribedStrategy = Schema.Union([Strategy, Schema.TaggedStruct("FromState", {})])

interface StepDescription {
  readonly _tag: "Step"
  readonly name: string
  readonly path: string
  readonly wrappers: ReadonlyArray<typeof Wrapper.Type>
}
interface PipelineDescription {
  readonly _tag: "Pipeline"
  readonly name: string
  readonly path: string
  readonly nodes: ReadonlyArray<Description>
  readonly wrappers?: ReadonlyArray<typeof Wrapper.Type>
}
interface ParallelDescription {
  readonly _tag: "Parallel"
  readonly branches: ReadonlyArray<Description>
}
interface ForEachDescription {
  readonly _tag: "ForEach"
  readonly name: string
  readonly path: string
  readonly as: string
  readonly strategy: typeof DescribedStrategy.Type
  /** The node before which items wait for others. Absent if they do not wait, or before they start. */
  readonly waitBefore?: string
  readonly nodes: ReadonlyArray<Description>
  /** The wrappers around the body of each item. */
  readonly wrappers?: ReadonlyArray<typeof Wrapper.Type>
}
interface CallDescription {
  readonly _tag: "Call"
  readonly name: string
  readonly path: string
  /** Whether a function chooses the called pipeline when the call starts. Nothing is known about it before. */
  readonly dynamic: boolean
  readonly nodes: ReadonlyArray<Description>
  /** The wrappers around the called pipeline. */
  readonly wrappers?: ReadonlyArray<typeof Wrapper.Type>
}
interface WhenDescription {
  readonly _tag: "When"
  readonly reason: string
  readonly body: Description
}

interface ChooseDescription {
  readonly _tag: "Choose"
  readonly question?: string
  /** What runs if the condition holds. */
  readonly body?: Description
  /** What runs if it does not. */
  readonly else?: Description
}

const self = Schema.suspend((): Schema.Codec<Description> => Description)
const nodes = Schema.Array(self)
const named = { name: Schema.String, path: Schema.String }

/**
 * The tree of a pipeline as serializable data: what runs, in which order and how. `path` is the path that
 * `Pipeline.replace` takes. The paths of events also have the keys of forEach items.
 */
export type Description =
  | StepDescription
  | PipelineDescription
  | ParallelDescription
  | ForEachDescription
  | WhenDescription
  | ChooseDescription
  | CallDescription
export const Description: Schema.Codec<Description> = Schema.Union([
  Schema.TaggedStruct("Step", { ...named, wrappers: Schema.Array(Wrapper) }),
  Schema.TaggedStruct("Pipeline", { ...named, nodes, wrappers }),
  Schema.TaggedStruct("Parallel", { branches: nodes }),
  Schema.TaggedStruct("ForEach", {
    ...named,
    as: Schema.String,
    strategy: DescribedStrategy,
    waitBefore: Schema.optionalKey(Schema.String),
    nodes,
    wrappers
  }),
  Schema.TaggedStruct("Call", { ...named, dynamic: Schema.Boolean, nodes, wrappers }),
  Schema.TaggedStruct("When", { reason: Schema.String, body: self }),
  Schema.TaggedStruct("Choose", {
    question: Schema.optionalKey(Schema.String),
    body: Schema.optionalKey(self),
    else: Schema.optionalKey(self)
  })
])

const describeWrapper = (wrapper: StepWrapper | PipelineWrapper): typeof Wrapper.Type => {
  if (wrapper._tag !== "Timeout") return { _tag: wrapper._tag }
  return typeof wrapper.duration === "function"
    ? { _tag: "TimeoutFromState" }
    : { _tag: "Timeout", millis: Duration.toMillis(wrapper.duration) }
}

const describeWrappers = ({ wrappers }: PipelineNode) =>
  wrappers.length === 0 ? {} : { wrappers: wrappers.map(describeWrapper) }

const describeNode = (node: Node, parent: string): Description => {
  switch (node._tag) {
    case "Step": {
      const { name, wrappers } = node
      return { _tag: "Step", name, path: `${parent}/${name}`, wrappers: wrappers.map(describeWrapper) }
    }
    case "Pipeline":
      return describePipeline(node, `${parent}/${node.name}`)
    case "Parallel":
      return { _tag: "Parallel", branches: node.branches.map((branch) => describeNode(branch, parent)) }
    case "ForEach": {
      const { after, as, body, name, waitBefore } = node
      const path = `${parent}/${name}`
      const strategy = typeof node.strategy === "function" ? ({ _tag: "FromState" } as const) : node.strategy
      const wait = after !== undefined && waitBefore !== undefined ? { waitBefore } : {}
      const nodes = body.nodes.map((each) => describeNode(each, path))
      return { _tag: "ForEach", name, path, as, strategy, ...wait, nodes, ...describeWrappers(body) }
    }
    case "When":
      return { _tag: "When", reason: node.reason, body: describeNode(node.body, parent) }
    case "Call": {
      const path = `${parent}/${node.name}`
      const called = calledPipeline(node)
      const known = called === undefined ? { nodes: [] } : describePipeline(called, path)
      return { ...known, _tag: "Call", name: node.name, path, dynamic: called === undefined }
    }
    case "Choose": {
      const { body, else: other, question } = node
      return {
        _tag: "Choose",
        ...(question !== undefined && { question }),
        ...(body !== undefined && { body: describeNode(body, parent) }),
        ...(other !== undefined && { else: describeNode(other, parent) })
      }
    }
  }
}

const describePipeline = (pipeline: PipelineNode, path: string): PipelineDescription => ({
  _tag: "Pipeline",
  name: pipeline.name,
  path,
  nodes: pipeline.nodes.map((node) => describeNode(node, path)),
  ...describeWrappers(pipeline)
})

/** Returns the tree of a pipeline, without running it. */
export const describe = (pipeline: {
  readonly name: string
  readonly nodes: ReadonlyArray<Node>
  readonly wrappers?: ReadonlyArray<PipelineWrapper>
}): Description => describePipeline({ _tag: "Pipeline", subscribers: [], wrappers: [], ...pipeline }, pipeline.name)

import type { Schema } from "effect"
import { calledPipeline, type Node, type PipelineNode, sidesOf } from "./Node.ts"

/** The steps of a pipeline that wait for signals. */
interface Waiters {
  /** The schemas of what they wait for, by the name of the signal. */
  readonly schemas: ReadonlyMap<string, ReadonlyArray<Schema.Codec<unknown, unknown>>>
  /** Whether the pipeline calls others that are only known when it runs. */
  readonly isDynamic: boolean
}

/** Finds the steps of a pipeline that wait for signals. */
export const signalSchemas = (pipeline: PipelineNode): Waiters => {
  const schemas = new Map<string, ReadonlyArray<Schema.Codec<unknown, unknown>>>()
  const seen = new Set<PipelineNode>()
  let isDynamic = false
  const visit = (node: Node | undefined): void => {
    switch (node?._tag) {
      case undefined:
        return
      case "Step":
        if (node.signal !== undefined) schemas.set(node.name, [...(schemas.get(node.name) ?? []), node.signal])
        return
      case "Pipeline":
        // A pipeline may call itself.
        if (seen.has(node)) return
        seen.add(node)
        return node.nodes.forEach(visit)
      case "Parallel":
        return node.branches.forEach(visit)
      case "ForEach":
      case "When":
        return visit(node.body)
      case "Choose":
        return sidesOf(node).forEach(visit)
      case "Call": {
        const called = calledPipeline(node)
        if (called === undefined) isDynamic = true
        return visit(called)
      }
    }
  }
  visit(pipeline)
  return { schemas, isDynamic }
}

import { Effect } from "effect"
import { checkReturn } from "../../core/authorFunction.ts"
import { type Node, namedNodes, type PipelineNode } from "../Node.ts"
import { type Gate, ItemBlocked } from "./order.ts"
import { withNodeEvents, type NodeEffect, type State } from "./nodeEvents.ts"
import { runCall } from "./runCall.ts"
import { runForEach } from "./runForEach.ts"
import { runStep } from "./runStep.ts"
import { readState } from "./stateReads.ts"
import { addUndos, wrapNodes } from "./wrapNodes.ts"
import type { Undos } from "./undos.ts"

/** Runs a node. Returns what it adds to the state. */
const runNode = (node: Node, state: State, path: string, undos: Undos): NodeEffect<State> => {
  switch (node._tag) {
    case "Step":
      return runStep(node, state, `${path}/${node.name}`, undos)
    case "Pipeline": {
      const at = `${path}/${node.name}`
      return withNodeEvents("pipeline", at, runPipeline(node, state, at, undos), (added) => {
        addUndos(node, { ...state, ...added }, at, undos)
        return {}
      })
    }
    case "Call": {
      const at = `${path}/${node.name}`
      return runCall(node, state, at, undos, (called, input) => runPipeline(called, input, at, undos))
    }
    case "ForEach":
      return runForEach(node, state, `${path}/${node.name}`, undos, (state, at, gate) =>
        runPipeline(node.body, state, at, undos, gate)
      )
    case "When":
      return Effect.suspend(() => {
        const { body, quiet = false, reason } = node
        const what = `the condition of ${JSON.stringify(body.name)}`
        const holds = readState(what, state, (known) => node.if(known as never))
        if (checkReturn(what, "true or false", holds, typeof holds === "boolean"))
          return runNode(body, state, path, undos)
        if (quiet) return Effect.succeed({})
        const kind = body._tag === "Step" ? "step" : "pipeline"
        const skipped = withNodeEvents(kind, `${path}/${body.name}`, Effect.void, () => ({ skipped: reason }))
        return Effect.as(skipped, {})
      })
    case "Choose":
      return Effect.suspend(() => {
        const { body, else: other } = node
        const what = `the condition of ${JSON.stringify((body ?? other)?.name)}`
        const holds = readState(what, state, (known) => node.if(known as never))
        const side = checkReturn(what, "true or false", holds, typeof holds === "boolean") ? body : other
        return side === undefined ? Effect.succeed({}) : runNode(side, state, path, undos)
      })
    case "Parallel":
      return Effect.map(
        Effect.forEach(node.branches, (branch) => runNode(branch, state, path, undos), { concurrency: "unbounded" }),
        (added): State => Object.assign({}, ...added)
      )
  }
}

/**
 * Runs the nodes of a pipeline in order, in their own scope. Returns what they add to the state. If one fails, undoes them before
 * releasing their resources. A gate stops before one of the nodes, and fails with {@link ItemBlocked} if it stays closed.
 */
export const runNodes = (
  pipeline: PipelineNode,
  state: State,
  path: string,
  undos: Undos,
  gate?: Gate
): NodeEffect<State> =>
  Effect.gen(function* () {
    // What was added is kept apart: a parallel branch must not overwrite what it only passes through.
    const added: Record<string, unknown> = {}
    for (const node of pipeline.nodes) {
      if (gate !== undefined && namedNodes(node).some(({ name }) => name === gate.before)) {
        const reason = yield* gate.wait
        if (reason !== undefined) return yield* Effect.fail(new ItemBlocked(reason))
      }
      Object.assign(added, yield* runNode(node, { ...state, ...added }, path, undos))
    }
    return added
  }).pipe(
    Effect.onError(() => undos.undo(path)),
    Effect.scoped,
    // The pipeline can also be interrupted while its resources are being released.
    Effect.onError(() => undos.undo(path))
  )

/** Runs a pipeline with its wrappers. Returns what it adds to the state. */
const runPipeline = (
  pipeline: PipelineNode,
  state: State,
  path: string,
  undos: Undos,
  gate?: Gate
): NodeEffect<State> => wrapNodes(pipeline, state, path, undos, (at) => runNodes(pipeline, state, at, undos, gate))

import { Effect } from "effect"
import { checkReturn } from "../../core/authorFunction.ts"
import { namedNodes, type Node, type ParallelNode, type PipelineNode } from "../Node.ts"
import { ParallelConflict } from "../PipelineError.ts"
import { withNodeEvents, type NodeEffect, type State } from "./nodeEvents.ts"
import { runForEach } from "./runForEach.ts"
import { runStep } from "./runStep.ts"
import { readState } from "./stateReads.ts"
import type { Undos } from "./undos.ts"

/** What a branch changed in the state. Unchanged values must not overwrite the changes of other branches. */
const changes = (after: State, before: State): State =>
  Object.fromEntries(Object.entries(after).filter(([key, value]) => !(key in before) || before[key] !== value))

const typeOf = (value: unknown): string => (Array.isArray(value) ? "array" : value === null ? "null" : typeof value)

/** Merges what parallel branches changed. A later branch wins, but throws if it changes the type of a key. */
const merge = ({ branches }: ParallelNode, path: string, changed: ReadonlyArray<State>): State => {
  const names = branches.map((branch) =>
    namedNodes(branch)
      .map(({ name }) => name)
      .join(", ")
  )
  const merged = new Map<string, { readonly value: unknown; readonly branch: string }>()
  changed.forEach((changes, index) => {
    const branch = names[index] ?? ""
    for (const [key, value] of Object.entries(changes)) {
      const earlier = merged.get(key)
      if (earlier !== undefined && typeOf(earlier.value) !== typeOf(value)) {
        const types = [typeOf(earlier.value), typeOf(value)]
        throw new ParallelConflict({ path, key, branches: [earlier.branch, branch], types })
      }
      merged.set(key, { value, branch })
    }
  })
  return Object.fromEntries([...merged].map(([key, { value }]) => [key, value]))
}

const runNode = (node: Node, state: State, path: string, undos: Undos): NodeEffect<State> => {
  switch (node._tag) {
    case "Step":
      return runStep(node, state, `${path}/${node.name}`, undos)
    case "Pipeline": {
      const at = `${path}/${node.name}`
      return withNodeEvents("pipeline", at, runNodes(node, state, at, undos))
    }
    case "ForEach":
      return runForEach(node, state, `${path}/${node.name}`, undos, (state, at) =>
        runNodes(node.body, state, at, undos)
      )
    case "When":
      return Effect.suspend(() => {
        const { body, reason } = node
        const what = `the condition of ${JSON.stringify(body.name)}`
        const holds = readState(what, state, (known) => node.if(known as never))
        if (checkReturn(what, "true or false", holds, typeof holds === "boolean"))
          return runNode(body, state, path, undos)
        const kind = body._tag === "Step" ? "step" : "pipeline"
        const skipped = withNodeEvents(kind, `${path}/${body.name}`, Effect.void, () => ({ skipped: reason }))
        return Effect.as(skipped, state)
      })
    case "Parallel":
      return Effect.map(
        Effect.forEach(node.branches, (branch) => runNode(branch, state, path, undos), { concurrency: "unbounded" }),
        (states) => ({
          ...state,
          ...merge(
            node,
            path,
            states.map((each) => changes(each, state))
          )
        })
      )
  }
}

/** Runs the nodes of a pipeline in order, in their own scope. If one fails, undoes them before releasing their resources. */
export const runNodes = (pipeline: PipelineNode, state: State, path: string, undos: Undos): NodeEffect<State> =>
  Effect.gen(function* () {
    let current = state
    for (const node of pipeline.nodes) current = yield* runNode(node, current, path, undos)
    return current
  }).pipe(
    Effect.onError(() => undos.undo(path)),
    Effect.scoped,
    // The pipeline can also be interrupted while its resources are being released.
    Effect.onError(() => undos.undo(path))
  )

import { Context, Effect, Predicate } from "effect"
import { checkReturn } from "../../core/authorFunction.ts"
import type { CallNode, PipelineNode } from "../Node.ts"
import { CallsTooDeep } from "../PipelineError.ts"
import { withNodeEvents, type NodeEffect, type State } from "./nodeEvents.ts"
import { readState } from "./stateReads.ts"
import { CurrentHandlers } from "./subscribers.ts"
import type { Undos } from "./undos.ts"
import { addUndos } from "./wrapNodes.ts"

/** How many calls that choose their pipeline can be nested. More than in any recursion that is meant to end. */
const maxDepth = 100

/** The number of such calls around the current node, or that it is. */
const CallDepth = Context.Reference<number>("jiji/pipeline/interpreter/CallDepth", { defaultValue: () => 0 })

const isPipeline = (value: unknown): boolean => Predicate.isTagged(value, "Pipeline")
/** Whether a value can be a state. A Promise or an Effect would become an empty one. */
const isState = (value: unknown): boolean =>
  Predicate.isObject(value) && !Predicate.isPromiseLike(value) && !Effect.isEffect(value)

/** Returns the pipeline that a function has chosen, and starts its handlers. */
const choosePipeline = Effect.fnUntraced(function* (
  target: Exclude<CallNode["target"], PipelineNode>,
  name: string,
  state: State,
  path: string
) {
  if ((yield* CallDepth) > maxDepth) return yield* new CallsTooDeep({ path, limit: maxDepth })
  const what = `the pipeline of ${name}`
  const chosen = readState(what, state, (known) => target(known as never))
  const pipeline = checkReturn(what, "a pipeline", chosen, isPipeline(chosen))
  const handlers = yield* CurrentHandlers
  if (handlers !== undefined) yield* handlers.start(pipeline, path)
  return pipeline
})

/**
 * Runs a called pipeline with a state of its own. Returns what the call adds to the state around it. `runBody` returns what the
 * called pipeline adds to its own state.
 */
export const runCall = (
  node: CallNode,
  state: State,
  path: string,
  undos: Undos,
  runBody: (pipeline: PipelineNode, input: State) => NodeEffect<State>
): NodeEffect<State> => {
  const { collect, target } = node
  const name = `the call ${JSON.stringify(node.name)}`
  const callPipeline = (pipeline: PipelineNode): NodeEffect<State> =>
    Effect.suspend(() => {
      const what = `the input of ${name}`
      const given = readState(what, state, (known) => node.input(known as never))
      // A copy: the called pipeline must not get what a function adds to this object later.
      const input: State = { ...checkReturn(what, "an object", given, isState(given)) }
      return Effect.uninterruptibleMask((restore) =>
        Effect.map(restore(runBody(pipeline, input)), (added): State => {
          const final = { ...input, ...added }
          // First, since the called pipeline has succeeded, whatever `collect` does.
          addUndos(pipeline, final, path, undos)
          if (collect === undefined) return {}
          return { [collect.as]: readState(`the collect of ${name}`, final, (known) => collect.value(known as never)) }
        })
      )
    })
  if (typeof target !== "function") return withNodeEvents("pipeline", path, callPipeline(target))
  // Chosen before the first event of the node, which its handlers get, too.
  return Effect.flatMap(Effect.exit(choosePipeline(target, name, state, path)), (chosen) =>
    withNodeEvents("pipeline", path, Effect.flatMap(chosen, callPipeline))
  ).pipe(Effect.updateService(CallDepth, (depth) => depth + 1))
}

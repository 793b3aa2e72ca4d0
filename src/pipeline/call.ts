import type { Scope } from "effect"
import { asNode, type PipelineNode } from "./Node.ts"
import { appendNode } from "./paths.ts"
import type { Pipeline } from "./Pipeline.ts"
import type {
  AddsOfCall,
  ChooserState,
  ErrorOfCall,
  FinalStateOf,
  InputOf,
  NodeMapOf,
  ServicesOfCall,
  Target
} from "./types/Call.ts"
import type { NoNodeNamed } from "./types/NodeMap.ts"
import type { FromEarlierStep, Requirement, StateAfterAdds } from "./types/State.ts"

const append = <P>(self: PipelineNode, node: object): P =>
  // The signature below states the type.
  ({ ...self, nodes: appendNode(self, asNode(node)) }) as P

/**
 * Appends a call: another pipeline runs with a state of its own, which is what `input` returns. Its nodes have the path of the
 * call in front of their names: `release/notify/send`. It must be one of:
 *
 * - a pipeline
 * - a function of the state that chooses one when the call starts. It may return the enclosing pipeline, whose type you must
 *   then write down, since TypeScript cannot infer it. The run fails with {@link CallsTooDeep} if more than 100 such calls are
 *   nested.
 *
 * Nothing of the called pipeline's state is in the state afterwards, except what `collect` adds: one value of its final
 * state, under the key `as`.
 *
 * If the pipeline around the call fails later, the steps of the called pipeline are undone like those of a nested one.
 */
export const call =
  <const Name2 extends string, T extends Target, S1 = unknown, const C extends string = never, V = never>(
    name: Name2,
    pipeline: T,
    input: (state: S1) => InputOf<T>,
    collect?: { readonly as: C; readonly value: (state: FinalStateOf<T>) => V }
  ) =>
  <
    N,
    S extends S1 & ChooserState<T> & Requirement<FromEarlierStep>,
    E,
    R,
    X extends NoNodeNamed<{ readonly name: Name2 }>,
    Name extends string
  >(
    self: Pipeline<N, S, E, R, X, Name>
  ): Pipeline<
    N,
    StateAfterAdds<S, AddsOfCall<C, V>>,
    E | ErrorOfCall<T>,
    R | Exclude<ServicesOfCall<T>, Scope.Scope>,
    X & NodeMapOf<Name2, T, S1, C, V, S, StateAfterAdds<S, AddsOfCall<C, V>>>,
    Name
  > =>
    append(self, { _tag: "Call", name, target: pipeline, input, collect })

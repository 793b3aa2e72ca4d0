import type { Pipeline } from "../Pipeline.ts"
import type { CallsTooDeep } from "../PipelineError.ts"
import type {
  CollectNodeMap,
  ErrorOf,
  LiteralName,
  NeedsOfAll,
  NodeMapOfCall,
  NodeTypes,
  ServicesOf
} from "./NodeMap.ts"

// oxlint-disable-next-line typescript/no-explicit-any -- a more specific type here would narrow the inferred types
type AnyPipeline = Pipeline<never, unknown, unknown, unknown, any>

/** A pipeline to call, or a function of the state that chooses one. */
export type Target = AnyPipeline | ((state: never) => AnyPipeline)

/** The called pipeline. A union if a function chooses one of several. */
type Called<T> = T extends (state: never) => infer P ? P : T

/** The state that the function reads which chooses the pipeline. */
export type ChooserState<T> = T extends (state: infer S) => unknown ? S : unknown

/** What the called pipeline starts with. */
export type InputOf<T> = NeedsOfAll<Called<T>> & object

/** The final state of the called pipeline. */
export type FinalStateOf<T> = Called<T> extends infer P ? (P extends AnyPipeline ? StateOf<P> : never) : never
type StateOf<P> = P extends Pipeline<never, infer S, unknown, unknown> ? S : never

/** Only a recursion can be too deep, and in it a function chooses the pipeline. */
export type ErrorOfCall<T> = ErrorOf<Called<T>> | (T extends AnyPipeline ? never : CallsTooDeep)
export type ServicesOfCall<T> = ServicesOf<Called<T>>

/** What a call adds to the state around it. */
export type AddsOfCall<C extends string, V> = { readonly [P in C]: V }

/** The node map of a call in a pipeline that has the state `Before` before it and `After` after it. */
export type NodeMapOf<Name extends string, T, S1, C extends string, V, Before, After> = {
  readonly [P in LiteralName<Name>]: NodeTypes<S1 & ChooserState<T>, AddsOfCall<C, V>, Before, After>
} & (T extends { readonly _tag: "Pipeline"; readonly "~nodes"?: infer X }
  ? NodeMapOfCall<LiteralName<Name>, X & CollectNodeMap<C, FinalStateOf<T>>>
  : {})

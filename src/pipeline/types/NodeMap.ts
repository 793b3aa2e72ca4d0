import type { Pipeline } from "../Pipeline.ts"
import type { ValidName } from "./Names.ts"
import type { Step } from "../Step.ts"

/**
 * The types of one node: what it needs and adds, and the state of its pipeline before and after it. A node map has one for
 * each path.
 */
export interface NodeTypes<Needs, Adds, Before, After> {
  readonly needs: Needs
  /** Contravariant, so that a replacement has to add at least as much. */
  readonly adds: (_: Adds) => void
  readonly added: Adds
  readonly before: Before
  readonly after: After
  /** The call that the node is in. Absent if the node is not in a called pipeline. */
  readonly call?: string
}

/** The types of a forEach, whose strategy can be changed. */
export interface ForEachTypes<Needs, Adds, Before, After> extends NodeTypes<Needs, Adds, Before, After> {
  readonly isForEach: true
}

/** A step or a pipeline. */
// oxlint-disable-next-line typescript/no-explicit-any -- a more specific type here would narrow the inferred types
export type Branch = Step<never, unknown, unknown, unknown> | Pipeline<never, unknown, unknown, unknown, any>

/** The type parameters of a branch. Distributes over unions. */
type BranchTypes<B> =
  B extends Step<infer Needs, infer Adds, infer Error, infer Services>
    ? { readonly needs: Needs; readonly adds: Adds; readonly error: Error; readonly services: Services }
    : B extends Pipeline<infer Needs, infer Adds, infer Error, infer Services>
      ? { readonly needs: Needs; readonly adds: Adds; readonly error: Error; readonly services: Services }
      : never
export type NeedsOf<B> = BranchTypes<B>["needs"]
export type AddsOf<B> = BranchTypes<B>["adds"]
export type ErrorOf<B> = BranchTypes<B>["error"]
export type ServicesOf<B> = BranchTypes<B>["services"]

/** The keys of `A` and `B` that have the same type in both. */
type SameKeys<A, B> = {
  [P in keyof A & keyof B]: [A[P], B[P]] extends [B[P], A[P]] ? P : never
}[keyof A & keyof B]

/**
 * What a pipeline itself adds. Its final state also has what it started with, perhaps with a wider type than the state around
 * it; a key that has the same type before and after is one of those.
 */
export type OwnAddsOf<Needs, After> = After extends unknown ? Omit<After, SameKeys<Needs, After>> : never

/** What a branch itself adds. */
export type OwnAdds<B> = B extends { readonly _tag: "Pipeline" } ? OwnAddsOf<NeedsOf<B>, AddsOf<B>> : AddsOf<B>

/** The intersection of the parameters of a union of functions. A parameter that is itself a union stays one. */
export type IntersectParameters<F> = [F] extends [(_: infer I) => void] ? I : never
type NeedsParameter<B> = B extends unknown ? (_: NeedsOf<B>) => void : never
type AddsParameter<B> = B extends unknown ? (_: OwnAdds<B>) => void : never
export type NeedsOfAll<B> = IntersectParameters<NeedsParameter<B>>
export type AddsOfAll<B> = IntersectParameters<AddsParameter<B>>

/** A name as a key of a node map: `?` if the compiler does not know it. */
export type LiteralName<Name extends string> = string extends Name ? "?" : Name
export type NameOf<B> = B extends { readonly name: infer Name extends string } ? LiteralName<Name> : "?"

/** A node map with a name in front of each path. */
export type PrefixPaths<Name extends string, NodeMap> = {
  readonly [P in keyof NodeMap & string as `${Name}/${P}`]: NodeMap[P]
}

/** `collect` needs the final state of a pipeline, so nodes that add to it cannot be removed from that pipeline. */
export type CollectNodeMap<C extends string, S2> = [C] extends [never]
  ? {}
  : { readonly "?": NodeTypes<S2, {}, S2, S2> }

/** The node map of a called pipeline, with the name of the call in front of each path. */
export type NodeMapOfCall<Name extends string, NodeMap> = {
  readonly [P in keyof NodeMap & string as `${Name}/${P}`]: InCall<Name, NodeMap[P]>
}

/** The types of a node that is in a call, and perhaps in another one within that. */
export type InCall<Name extends string, T> = Omit<T, "call"> & {
  readonly call: T extends { readonly call: infer Inner extends string } ? `${Name}/${Inner}` : Name
}

/** The node map of a branch in a pipeline that has the state `Before` before it and `After` after it. */
export type NodeMapOf<B, Before, After> = {
  readonly [P in NameOf<B>]: NodeTypes<NeedsOf<B>, AddsOf<B>, Before, After>
} & (B extends {
  readonly _tag: "Pipeline"
  readonly "~nodes"?: infer Inner
}
  ? PrefixPaths<NameOf<B>, Inner>
  : {})
type NodeMapParameter<B, Before, After> = B extends unknown ? (_: NodeMapOf<B, Before, After>) => void : never
export type NodeMapOfAll<B, Before, After> = IntersectParameters<NodeMapParameter<B, Before, After>>

/** The types of a path that both sides of a choice have: an edit must fit both. */
type MergeNodeTypes<T, U> = [T, U] extends [
  NodeTypes<infer Needs1, infer Adds1, infer Before1, infer After1>,
  NodeTypes<infer Needs2, infer Adds2, infer Before2, infer After2>
]
  ? NodeTypes<Needs1 & Needs2, Adds1 & Adds2, Before1 | Before2, After1 | After2> &
      ([T, U] extends [{ readonly isForEach: true }, { readonly isForEach: true }] ? { readonly isForEach: true } : {})
  : never

type MergeNodeMaps<X, Y> = {
  readonly [P in keyof X | keyof Y]: P extends keyof X
    ? P extends keyof Y
      ? MergeNodeTypes<X[P], Y[P]>
      : X[P]
    : P extends keyof Y
      ? Y[P]
      : never
}

/** The node map of the two sides of a choice. */
export type NodeMapOfChoice<B, C, Before, After> = MergeNodeMaps<
  NodeMapOf<B, Before, After>,
  NodeMapOf<C, Before, After>
>

/** Appears in the compile error if a pipeline already has a node with the name of an appended one. */
interface NameTaken<Name> {
  readonly "the pipeline already has a node with this name": Name
}

/** Requires a node map without nodes that have the names of the branches, and names that can be part of a path. */
export type NoNodeNamed<B> = { readonly [path: string]: unknown } & {
  readonly [P in Exclude<NameOf<B>, "?">]?: NameTaken<P>
} & ValidName<NameOf<B>>

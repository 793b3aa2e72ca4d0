import type { Scope } from "effect"
import type { Pipeline } from "../Pipeline.ts"
import type { AddsOf, Branch, ErrorOf, InCall, NameOf, NeedsOf, NodeMapOf, OwnAdds, ServicesOf } from "./NodeMap.ts"
import type { ValidName } from "./Names.ts"
import type { OmitKeys } from "./State.ts"

/** A path without its first part, the name of the edited pipeline. Node maps have these paths as keys. */
export type InnerPath<Path extends string> = Path extends `${string}/${infer Rest}` ? Rest : never
type ParentPath<Path extends string> = Path extends `${infer Head}/${infer Rest}` ? `${Head}/${ParentPath<Rest>}` : ""

/** The upper bound of all `NodeTypes`. */
interface AnyNodeTypes {
  readonly needs: unknown
  readonly adds: (_: never) => void
  readonly added: unknown
  readonly before: unknown
  readonly after: unknown
}
type Get<X, Path, Key extends keyof AnyNodeTypes> = Path extends keyof X
  ? X[Path] extends AnyNodeTypes
    ? X[Path][Key]
    : never
  : never

type AllKeys<T> = T extends unknown ? keyof T : never
type RequiredKeys<T> = T extends unknown ? { [P in keyof T]-?: {} extends Pick<T, P> ? never : P }[keyof T] : never

/** The keys that the node at a path adds and that no earlier node has added. */
type NewKeys<X, Path extends string> = Exclude<AllKeys<Get<X, Path, "added">>, keyof Get<X, Path, "before">>

/** The keys that nodes outside of a path need. */
type KeysNeededByOthers<X, Path extends string> = {
  [P in keyof X]: P extends Path | `${Path}/${string}`
    ? never
    : SharesState<X, P, Path> extends true
      ? RequiredKeys<Get<X, P, "needs">>
      : never
}[keyof X]

/** The call that a node is in; empty if it is in none. A called pipeline has a state of its own. */
type CallOf<X, P> = P extends keyof X ? (X[P] extends { readonly call: infer Call extends string } ? Call : "") : ""
type SharesState<X, P, Q> = [CallOf<X, P>, CallOf<X, Q>] extends [CallOf<X, Q>, CallOf<X, P>] ? true : false

/** Appears in the compile error if a node cannot be removed. */
interface NeededByOthers<Keys> {
  readonly "other nodes need these keys": Keys
}
/** Appears in the compile error if a node cannot be inserted. */
interface TypeConflict<Keys> {
  readonly "the state has these keys with another type": Keys
}

type ConflictingKeys<A, S> = { [P in keyof A & keyof S]: A[P] extends S[P] ? never : P }[keyof A & keyof S]
type KeepsTypes<A, S> = [ConflictingKeys<A, S>] extends [never] ? unknown : TypeConflict<ConflictingKeys<A, S>>

/** Appears in the compile error if a path of an edit does not exist. Paths are without the pipeline's own name. */
interface NoSuchPath<Path, Known> {
  readonly path: Path
  readonly "the paths of this pipeline are": Known
}

/** The key of a node in the node map. If there is none, a key that the compile error shows as its reason. */
type KeyOf<X, Path> = Path extends keyof X ? Path : "the pipeline has no node at this path"
type ValueOf<X, Path, Value> = Path extends keyof X ? Value : NoSuchPath<Path, keyof X>

/** Requires a node map with a node that a branch can replace: the branch needs no more than the state has, and adds no less. */
export type Replaceable<X, Path extends string, B extends Branch> = {
  readonly [P in Path as KeyOf<X, P>]: ValueOf<
    X,
    P,
    { readonly before: NeedsOf<B>; readonly adds: (_: AddsOf<B>) => void } & KeepsTypes<OwnAdds<B>, Get<X, P, "after">>
  >
} & ValidName<NameOf<B>>

/** Requires a node map with a node before or after which a branch can be inserted. */
export type Insertable<X, Path extends string, Side extends "before" | "after", B extends Branch> = {
  readonly [P in Path as KeyOf<X, P>]: ValueOf<
    X,
    P,
    { readonly [S in Side]: NeedsOf<B> } & KeepsTypes<OwnAdds<B>, Get<X, P, Side>>
  >
} & ValidName<NameOf<B>>

/** Requires a node map with a node whose keys no other node needs. */
export type Removable<X, Path extends string> = {
  readonly [P in Path as KeyOf<X, P>]: ValueOf<
    X,
    P,
    [NewKeys<X, P> & KeysNeededByOthers<X, P>] extends [never]
      ? unknown
      : NeededByOthers<NewKeys<X, P> & KeysNeededByOthers<X, P>>
  >
}

/** Requires a node map with a forEach whose strategy can be chosen from a state. */
export type HasStrategy<X, Path extends string, S0> = {
  readonly [P in Path as KeyOf<X, P>]: ValueOf<X, P, { readonly before: S0; readonly isForEach: true }>
}

/** The nodes of a branch that is inserted before or after the node at a path. */
export type InsertedNodes<X, Path extends string, Side extends "before" | "after", B extends Branch> = {
  readonly [P in keyof BranchNodeMap<X, Path, Side, B> & string as `${ParentPath<Path>}${P}`]: BranchNodeMap<
    X,
    Path,
    Side,
    B
  >[P] extends infer T
    ? CallOf<X, Path> extends infer Call extends string
      ? Call extends ""
        ? T
        : InCall<Call, T>
      : never
    : never
}
type BranchNodeMap<X, Path, Side extends "before" | "after", B extends Branch> = NodeMapOf<
  B,
  Get<X, Path, Side>,
  Get<X, Path, Side> & AddsOf<B>
>

/** A node map without the node at a path and everything below it. */
export type WithoutNode<X, Path extends string> = {
  readonly [P in keyof X as P extends Path | `${Path}/${string}` ? never : P]: X[P]
}

/** The same, with the node's new keys removed from the states of the other nodes. */
export type WithoutNodeAndKeys<X, Path extends string> = {
  readonly [P in keyof X as P extends Path | `${Path}/${string}` ? never : P]: SharesState<X, P, Path> extends true
    ? Omit<X[P], "before" | "after"> & {
        readonly before: OmitKeys<Get<X, P, "before">, NewKeys<X, Path>>
        readonly after: OmitKeys<Get<X, P, "after">, NewKeys<X, Path>>
      }
    : X[P]
}

/** The final state after the node at a path was removed. What it has added in a call is not in this state. */
export type StateAfterRemove<S, X, Path extends string> = CallOf<X, Path> extends "" ? OmitKeys<S, NewKeys<X, Path>> : S

/** The final state after an insertion. Only a node at the top level changes it: the types do not follow what deeper nodes add. */
export type StateAfterInsert<S, Path extends string, B extends Branch> = Path extends `${string}/${string}`
  ? S
  : S & Omit<OwnAdds<B>, keyof S>

/** The pipeline after a branch was inserted. The errors and services of a replaced node stay in its type. */
export type EditedPipeline<N, S, E, R, X, Name extends string, B extends Branch> = Pipeline<
  N,
  S,
  E | ErrorOf<B>,
  R | Exclude<ServicesOf<B>, Scope.Scope>,
  X,
  Name
>

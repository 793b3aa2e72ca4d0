import type { Scope } from "effect"
import type { Pipeline } from "../Pipeline.ts"
import type { AddsOf, Branch, ErrorOf, NeedsOf, PlacesOf, ServicesOf } from "./Place.ts"
import type { Without } from "./Then.ts"

/** A path as the types know it: without the name of the pipeline that is changed. */
export type Inner<Path extends string> = Path extends `${string}/${infer Rest}` ? Rest : never
type ParentOf<Path extends string> = Path extends `${infer Head}/${infer Rest}` ? `${Head}/${ParentOf<Rest>}` : ""

/** What a {@link Place} looks like, whatever it holds. */
interface Known {
  readonly needs: unknown
  readonly adds: (_: never) => void
  readonly added: unknown
  readonly before: unknown
  readonly after: unknown
}
type Get<X, Path, Key extends keyof Known> = Path extends keyof X
  ? X[Path] extends Known
    ? X[Path][Key]
    : never
  : never

type AllKeys<T> = T extends unknown ? keyof T : never
type RequiredKeys<T> = T extends unknown ? { [P in keyof T]-?: {} extends Pick<T, P> ? never : P }[keyof T] : never

/** The keys that a node is the first to add. */
export type Fresh<X, Path extends string> = Exclude<AllKeys<Get<X, Path, "added">>, keyof Get<X, Path, "before">>

/** The keys that nodes other than those at or below a path cannot do without. */
type Needed<X, Path extends string> = {
  [P in keyof X]: P extends Path | `${Path}/${string}` ? never : RequiredKeys<Get<X, P, "needs">>
}[keyof X]

/** Why a node cannot be removed. */
interface NeededByOthers<Keys> {
  readonly "added here, and needed by other nodes": Keys
}
/** Why a node cannot be put in. */
interface OfAnotherType<Keys> {
  readonly "of another type in the state": Keys
}

/** What a node gives on beyond the state that it was given. */
type Own<B extends Branch> = B extends { readonly _tag: "Pipeline" } ? Omit<AddsOf<B>, keyof NeedsOf<B>> : AddsOf<B>
type ClashingKeys<A, S> = { [P in keyof A & keyof S]: A[P] extends S[P] ? never : P }[keyof A & keyof S]
type Fits<A, S> = [ClashingKeys<A, S>] extends [never] ? unknown : OfAnotherType<ClashingKeys<A, S>>

/** Places with one that a node can take the place of: it needs no more than there is, and adds no less. */
export type Replaceable<X, Path extends string, B extends Branch> = {
  readonly [P in Path]: { readonly before: NeedsOf<B>; readonly adds: (_: AddsOf<B>) => void } & Fits<
    Own<B>,
    Get<X, P, "after">
  >
}

/** Places with one that has room for a node at one of its sides. */
export type Room<X, Path extends string, Side extends "before" | "after", B extends Branch> = {
  readonly [P in Path]: { readonly [S in Side]: NeedsOf<B> } & Fits<Own<B>, Get<X, P, Side>>
}

/** Places with one that no other node depends on. */
export type Removable<X, Path extends string> = {
  readonly [P in Path]: [Fresh<X, P> & Needed<X, P>] extends [never]
    ? unknown
    : NeededByOthers<Fresh<X, P> & Needed<X, P>>
}

/** The places that a node brings, beside the one at a path. */
export type Beside<X, Path extends string, Side extends "before" | "after", B extends Branch> = {
  readonly [P in keyof Brought<X, Path, Side, B> & string as `${ParentOf<Path>}${P}`]: Brought<X, Path, Side, B>[P]
}
type Brought<X, Path, Side extends "before" | "after", B extends Branch> = PlacesOf<
  B,
  Get<X, Path, Side>,
  Get<X, Path, Side> & AddsOf<B>
>

/** The places that are left where one is gone, with all below it. */
export type Left<X, Path extends string> = {
  readonly [P in keyof X as P extends Path | `${Path}/${string}` ? never : P]: X[P]
}

/** The same, where what it added is gone too. */
export type LeftWithout<X, Path extends string> = {
  readonly [P in keyof X as P extends Path | `${Path}/${string}` ? never : P]: Omit<X[P], "before" | "after"> & {
    readonly before: Without<Get<X, P, "before">, Fresh<X, Path>>
    readonly after: Without<Get<X, P, "after">, Fresh<X, Path>>
  }
}

/** What a whole pipeline's state gains by a node: only what is not deeper in it is seen to arrive there. */
export type Gained<S, Path extends string, B extends Branch> = Path extends `${string}/${string}` ? S : S & AddsOf<B>

/** A pipeline that a node was put into. It keeps the errors and services of what that replaced, if anything. */
export type With<N, S, E, R, X, Name extends string, B extends Branch> = Pipeline<
  N,
  S,
  E | ErrorOf<B>,
  R | Exclude<ServicesOf<B>, Scope.Scope>,
  X,
  Name
>

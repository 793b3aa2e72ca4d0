import type { AddsOf, AddsOfAll, Branch, OwnAdds } from "./NodeMap.ts"

/**
 * Appears in the compile error if a node needs something that the state does not have. It is empty, so that every state has
 * this type.
 */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type, no-unused-vars -- see above
export interface Requirement<Sentence extends string> {}

// Not an alias of a Requirement: the compiler would print the name of the alias instead of the sentence.
export type FromEarlierStep = "an earlier step must add everything that this node needs"

/** A state without some keys. Distributes over unions. */
export type OmitKeys<T, K extends PropertyKey> = [K] extends [never] ? T : T extends unknown ? Omit<T, K> : never

/** The keys of `A` that are also in `S` with another type. */
type ChangedKeys<S, A> = { [P in keyof A & keyof S]: Required<A>[P] extends S[P] ? never : P }[keyof A & keyof S]
/** The same, without keys that a pipeline only passes through with a wider type: there the type in `S` is still right. */
type ConflictingKeys<S, A> = { [P in ChangedKeys<S, A>]: S[P] extends A[P] ? never : P }[ChangedKeys<S, A>]

/** `S` with the keys `K` overwritten by `A`. If a key is optional in `A`, the old value may still be there. */
type Overwrite<S, A, K extends keyof S> = OmitKeys<S, K> & {
  [P in keyof A]: P extends K ? ({} extends Pick<A, P> ? S[P] | A[P] : A[P]) : A[P]
}

// These use an intersection wherever that is equivalent, because it is cheaper to check.

/** The state after a step. What the step adds overwrites what was there. */
export type StateAfterAdds<S, A> = [ChangedKeys<S, A>] extends [never] ? S & A : Overwrite<S, A, ChangedKeys<S, A>>

/** The state after a nested pipeline with the final state `A`, which mostly consists of the state that it started with. */
export type StateAfterPipeline<S, A> = [ConflictingKeys<S, A>] extends [never]
  ? S & A
  : Overwrite<S, A, ConflictingKeys<S, A>>

/** The keys of both types that have different types in them. */
type DifferentKeys<A, B> = {
  [P in keyof A & keyof B]: [A[P], B[P]] extends [B[P], A[P]] ? never : P
}[keyof A & keyof B]

/** The keys that branches add with different types. */
type ConflictsOf<B extends ReadonlyArray<Branch>, Added = {}> = B extends readonly [
  infer First,
  ...infer Rest extends ReadonlyArray<Branch>
]
  ? DifferentKeys<OwnAdds<First>, Added> | ConflictsOf<Rest, Added & OwnAdds<First>>
  : never

/** Appears in the compile error if parallel branches cannot be appended. */
interface ConflictingBranches<Keys> {
  readonly "parallel branches add these keys with different types": Keys
}

/** Requires branches that do not add the same key with different types. */
export type NoConflict<B extends ReadonlyArray<Branch>> = [ConflictsOf<B>] extends [never]
  ? unknown
  : ConflictingBranches<ConflictsOf<B>>

/** What parallel branches add. */
export type AddsOfParallel<B extends ReadonlyArray<Branch>> = B extends readonly [
  ...infer Before extends ReadonlyArray<Branch>,
  infer Last
]
  ? StateAfterPipeline<AddsOfParallel<Before>, AddsOf<Last>>
  : B extends readonly []
    ? {}
    : AddsOfAll<B[number]>

import type { AddsOf, AddsOfAll, Branch } from "./NodeMap.ts"

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

/** What parallel branches add. If two add the same key, the later one wins. */
export type AddsOfParallel<B extends ReadonlyArray<Branch>> = B extends readonly [
  ...infer Before extends ReadonlyArray<Branch>,
  infer Last
]
  ? StateAfterPipeline<AddsOfParallel<Before>, AddsOf<Last>>
  : B extends readonly []
    ? {}
    : AddsOfAll<B[number]>

import type { AddsOf, AddsOfAll, Branch } from "./Place.ts"

/** A state without some keys. */
export type Without<T, K extends PropertyKey> = [K] extends [never] ? T : T extends unknown ? Omit<T, K> : never

/** The keys under which a state holds what is not what is put there. */
type Changed<S, A> = { [P in keyof A & keyof S]: Required<A>[P] extends S[P] ? never : P }[keyof A & keyof S]
/** The same, where some of what is there is only handed on, with less said of it. */
type Clashing<S, A> = { [P in Changed<S, A>]: S[P] extends A[P] ? never : P }[Changed<S, A>]

/** What is put over some keys of a state. Where it may be missing, what was there before may still be there. */
type Over<S, A, K extends keyof S> = Without<S, K> & {
  [P in keyof A]: P extends K ? ({} extends Pick<A, P> ? S[P] | A[P] : A[P]) : A[P]
}

// An intersection wherever it says the same: it is cheap.
/** A state with what a step adds to it: what is added last is there. */
export type Then<S, A> = [Changed<S, A>] extends [never] ? S & A : Over<S, A, Changed<S, A>>

/** A state with that of another pipeline, most of which it had handed to it. */
export type ThenState<S, A> = [Clashing<S, A>] extends [never] ? S & A : Over<S, A, Clashing<S, A>>

/** What branches add that run at the same time: of two of one name, the later one's. */
export type AddsInOrder<B extends ReadonlyArray<Branch>> = B extends readonly [
  ...infer Before extends ReadonlyArray<Branch>,
  infer Last
]
  ? ThenState<AddsInOrder<Before>, AddsOf<Last>>
  : B extends readonly []
    ? {}
    : AddsOfAll<B[number]>

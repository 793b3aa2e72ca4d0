import type { AddsOfAll, Branch, IntersectParameters, OwnAdds, OwnAddsOf } from "./NodeMap.ts"

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

/** True if a key of a type is optional. */
type IsOptional<A, P extends keyof A> = {} extends Pick<A, P> ? true : false

/** The keys of `A` that are also in `S` with another type. If a key is optional in `A`, the old value may still be there. */
type ChangedKeys<S, A> = {
  [P in keyof A & keyof S]: [Required<A>[P]] extends [S[P]]
    ? IsOptional<A, P> extends true
      ? [S[P]] extends [A[P]]
        ? never
        : P
      : never
    : P
}[keyof A & keyof S]

/** `S` with the keys `K` overwritten by `A`. */
type Overwrite<S, A, K extends keyof S> = OmitKeys<S, K> & {
  [P in keyof A]: P extends K ? (IsOptional<A, P> extends true ? S[P] | A[P] : A[P]) : A[P]
}

/**
 * The state after a node. What it adds overwrites what was there. This is an intersection wherever that is equivalent, because
 * it is cheaper to check.
 */
export type StateAfterAdds<S, A> = [ChangedKeys<S, A>] extends [never] ? S & A : Overwrite<S, A, ChangedKeys<S, A>>

/** The state after a nested pipeline that needs `Needs` and has the final state `After`. */
export type StateAfterPipeline<S, Needs, After> = StateAfterAdds<S, OwnAddsOf<Needs, After>>

/** What parallel branches add. */
export type AddsOfParallel<B extends ReadonlyArray<Branch>> = B extends readonly [
  infer First,
  ...infer Rest extends ReadonlyArray<Branch>
]
  ? OwnAdds<First> & AddsOfParallel<Rest>
  : B extends readonly []
    ? {}
    : AddsOfAll<B[number]>

/** The keys that no member of a union lacks or has as optional. */
type KeysOfEach<U> = { [P in keyof U]-?: {} extends Pick<U, P> ? never : P }[keyof U]
type RequiredValueAt<T, P> = T extends unknown ? (P extends keyof T ? Required<T>[P] : never) : never
type Merge<U> = { readonly [P in KeysOfEach<U>]: U[P] } & {
  readonly [P in Exclude<AllKeys<U>, KeysOfEach<U>>]?: RequiredValueAt<U, P>
}

/** What a choice adds: what both sides add, and optionally what only one of them adds. */
export type AddsOfChoice<B extends Branch, C extends Branch> = Merge<OwnAdds<B> | OwnAdds<C>>

type AllKeys<T> = T extends unknown ? keyof T : never
/** The type of a key that only some members of a union may have. */
type ValueAt<T, P> = T extends unknown ? (P extends keyof T ? T[P] : never) : never

/** The keys that one branch adds with another type than all branches together, because a second one adds it, too. */
type DifferentKeys<Own, All> = {
  [P in AllKeys<Own>]: [ValueAt<Own, P>, ValueAt<All, P>] extends [ValueAt<All, P>, ValueAt<Own, P>] ? never : P
}[AllKeys<Own>]

/** The keys that branches add with different types. */
type ConflictsOf<B extends ReadonlyArray<Branch>> = {
  [I in keyof B]: DifferentKeys<OwnAdds<B[I]>, AddsOfParallel<B>>
}[number]

/** Appears in the compile error if parallel branches cannot be appended. */
interface ConflictingBranches<Keys> {
  readonly "parallel branches add these keys with different types": Keys
}

/** Requires branches that do not add the same key with different types. */
export type NoConflict<B extends ReadonlyArray<Branch>> = [ConflictsOf<B>] extends [never]
  ? unknown
  : ConflictingBranches<ConflictsOf<B>>

/** The members of a union that every other member can stand in for, and that have the keys of all of them. */
type Widest<U, All = U> = U extends unknown
  ? [All] extends [U]
    ? [AllKeys<All>] extends [keyof U]
      ? U
      : never
    : never
  : never

/** The last member of a union. */
type LastOf<U> =
  IntersectParameters<U extends unknown ? (_: () => U) => void : never> extends () => infer Last ? Last : never

/**
 * One member for a union whose members say the same, such as `{ readonly id?: string } | { id: string }`, which is what a step
 * with several `return`s adds. Each union in a state doubles it, and with ten of them the compiler needs a minute for a pipeline.
 */
export type Simplified<U> = [Widest<U>] extends [never] ? U : LastOf<Widest<U>>

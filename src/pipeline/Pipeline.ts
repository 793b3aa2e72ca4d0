import { type Effect, Pipeable, type Schema, type Scope } from "effect"
import type { Step } from "./Step.ts"
import type { Strategy } from "./Strategy.ts"
import * as Strategies from "./Strategy.ts"

export { run } from "./run.ts"

/** One node of a pipeline, with its types gone: what the runner interprets, and what can be listed and counted. */
export type Node = StepNode | Pipeline<never, unknown, unknown, unknown> | ParallelNode | ForEachNode

export interface StepNode {
  readonly _tag: "Step"
  readonly name: string
  readonly result?: Schema.Codec<unknown, unknown>
  readonly run: (state: never) => Effect.Effect<unknown, unknown, unknown>
}

export interface ParallelNode {
  readonly _tag: "Parallel"
  readonly branches: ReadonlyArray<Node>
}

export interface ForEachNode {
  readonly _tag: "ForEach"
  readonly name: string
  /** The key of the state that holds the item within the body. */
  readonly as: string
  readonly items: (state: never) => ReadonlyArray<unknown>
  readonly key: (item: never) => string
  readonly strategy: Strategy
  readonly body: Pipeline<never, unknown, unknown, unknown>
  /** Where a value of every body's final state is gathered. */
  readonly collect: { readonly as: string; readonly value: (state: never) => unknown } | undefined
}

/**
 * An ordered composition of steps and other pipelines, as data. It threads one typed state through them: it begins with
 * `Needs` and ends with `State`, or in one of `E`, and uses the services `R`. It is a scope: what its steps acquire is
 * released when it ends, however it ends.
 */
export interface Pipeline<in Needs, out State, out E = never, out R = never> extends Pipeable.Pipeable {
  readonly _tag: "Pipeline"
  readonly name: string
  readonly nodes: ReadonlyArray<Node>
  /** Only for the compiler. */
  readonly "~types"?: {
    readonly needs: (_: Needs) => void
    readonly state: State
    readonly error: E
    readonly services: R
  }
}

const Proto = {
  pipe() {
    return Pipeable.pipeArguments(this, arguments)
  }
}

// The types are the signatures' promise below; the value itself carries none.
const build = <N, S, E, R>(name: string, nodes: ReadonlyArray<Node>): Pipeline<N, S, E, R> =>
  Object.assign(Object.create(Proto), { _tag: "Pipeline", name, nodes } as const)

const erased = (node: object): Node =>
  // Everything that can be put into a pipeline is a Node but for its type parameters.
  node as Node

/** A pipeline with nothing in it yet. `Needs` is the state that it begins with. */
export const make = <Needs extends object = {}>(name: string): Pipeline<Needs, Needs> => build(name, [])

type Append<N, S, E, R, A, E2, R2> = Pipeline<N, S & A, E | E2, R | Exclude<R2, Scope.Scope>>

/** Appends a step. It is a compile error where the state does not have what the step needs. */
export const step =
  <N2, A2, E2, R2>(next: Step<N2, A2, E2, R2>) =>
  <N, S extends N2, E, R>(self: Pipeline<N, S, E, R>): Append<N, S, E, R, A2, E2, R2> =>
    build(self.name, [...self.nodes, erased(next)])

/** Appends a pipeline as one node: a scope of its own, that ends before the next node begins. */
export const pipeline =
  <N2, S2, E2, R2>(next: Pipeline<N2, S2, E2, R2>) =>
  <N, S extends N2, E, R>(self: Pipeline<N, S, E, R>): Append<N, S, E, R, S2, E2, R2> =>
    build(self.name, [...self.nodes, erased(next)])

/** What can be a branch of {@link parallel}. */
export type Branch = Step<never, unknown, unknown, unknown> | Pipeline<never, unknown, unknown, unknown>

type Taken<B> =
  B extends Step<infer N, infer _A, infer _E, infer _R>
    ? (_: N) => void
    : B extends Pipeline<infer N, infer _S, infer _E, infer _R>
      ? (_: N) => void
      : never
type Given<B> =
  B extends Step<infer _N, infer A, infer _E, infer _R>
    ? (_: A) => void
    : B extends Pipeline<infer _N, infer S, infer _E, infer _R>
      ? (_: S) => void
      : never
/** The intersection of what some functions take; a state that is itself a union stays one. */
type Together<F> = [F] extends [(_: infer I) => void] ? I : never
type ErrorOf<B> =
  B extends Step<infer _N, infer _A, infer E, infer _R>
    ? E
    : B extends Pipeline<infer _N, infer _S, infer E, infer _R>
      ? E
      : never
type ServicesOf<B> =
  B extends Step<infer _N, infer _A, infer _E, infer R>
    ? R
    : B extends Pipeline<infer _N, infer _S, infer _E, infer R>
      ? R
      : never

/**
 * Appends steps and pipelines that run at the same time, each from the same state; what they add is put together. Where
 * one fails, the others are interrupted.
 */
export const parallel =
  <const B extends ReadonlyArray<Branch>>(...branches: B) =>
  <N, S extends Together<Taken<B[number]>>, E, R>(
    self: Pipeline<N, S, E, R>
  ): Append<N, S, E, R, Together<Given<B[number]>>, ErrorOf<B[number]>, ServicesOf<B[number]>> =>
    build(self.name, [...self.nodes, { _tag: "Parallel", branches: branches.map(erased) }])

type ItemOf<N2, K extends string> = K extends keyof N2 ? N2[K] : unknown

/**
 * Appends a pipeline that runs once for every item. Within it the state also holds the item, under `as`. Items are told
 * apart by `key`, which names them in paths: `deploy/servers[web1]/pull`. With `collect`, a value of every item's final
 * state is added to the state, as a list in the items' order.
 */
export const forEach =
  <K extends string, S0, N2, S2, E2, R2, const C extends string = never, V = never>(options: {
    readonly name: string
    readonly as: K
    readonly items: (state: S0) => ReadonlyArray<ItemOf<N2, K>>
    readonly key: (item: ItemOf<N2, K>) => string
    readonly body: Pipeline<N2, S2, E2, R2>
    readonly strategy?: Strategy
    readonly collect?: { readonly as: C; readonly value: (state: S2) => V }
  }) =>
  <N, S extends S0 & Omit<N2, K>, E, R>(
    self: Pipeline<N, S, E, R>
  ): Append<N, S, E, R, { readonly [P in C]: ReadonlyArray<V> }, E2, R2> => {
    const node = { _tag: "ForEach", strategy: Strategies.parallel(), collect: undefined, ...options }
    return build(self.name, [...self.nodes, erased(node)])
  }

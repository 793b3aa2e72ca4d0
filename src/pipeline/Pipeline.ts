import { type Effect, Pipeable, type Scope } from "effect"
import type { Event } from "../core/Event.ts"
import { asNode, type Node, type Subscriber } from "./Node.ts"
import { type Origin, origin } from "./origin.ts"
import { appendNode } from "./paths.ts"
import type {
  AddsOf,
  Below,
  Branch,
  ErrorOf,
  Free,
  Known,
  NeedsOf,
  NeedsOfAll,
  Place,
  PlacesOf,
  PlacesOfAll,
  ServicesOf
} from "./types/Place.ts"
import type { Step } from "./Step.ts"
import type { Strategy } from "./Strategy.ts"
import type { AddsInOrder, Then, ThenState } from "./types/Then.ts"
import * as Strategies from "./Strategy.ts"

export { Description, describe } from "./description.ts"
export { insertAfter, insertBefore, remove, replace } from "./edit.ts"
export { toMermaid } from "./mermaid.ts"
export { DuplicatePath, NoSuchNode, StepTimedOut } from "./PipelineError.ts"
export { run } from "./interpreter/run.ts"
export type { Node } from "./Node.ts"
export type { Branch } from "./types/Place.ts"

/**
 * An ordered composition of steps and other pipelines, as data. It threads one typed state through them: it begins with
 * `Needs` and ends with `State`, or in one of `E`, and uses the services `R`. It is a scope: what its steps acquire is
 * released when it ends, however it ends.
 *
 * `Places` is what the compiler knows of each node, by its path, so that nodes can be replaced and removed safely.
 */
export interface Pipeline<
  in Needs,
  out State,
  out E = never,
  out R = never,
  // oxlint-disable-next-line typescript/no-explicit-any -- where nothing is said of the nodes, nothing is checked of them
  out Places = any,
  out Name extends string = string
>
  extends Pipeable.Pipeable {
  readonly _tag: "Pipeline"
  readonly name: Name
  readonly nodes: ReadonlyArray<Node>
  readonly subscribers: ReadonlyArray<Subscriber>
  readonly "~origin": Origin
  /** Only for the compiler. */
  readonly "~types"?: {
    readonly needs: (_: Needs) => void
    readonly state: State
    readonly error: E
    readonly services: R
  }
  /** Only for the compiler. */
  readonly "~places"?: Places
}

/** The state that a pipeline ends with. */
export type StateOf<P> = P extends Pipeline<infer _N, infer S, infer _E, infer _R> ? S : never

/** Puts a pipeline together. The types are the promise of the signatures below; the value itself carries none. */
const build = <P>(name: string, nodes: ReadonlyArray<Node>, subscribers: ReadonlyArray<Subscriber>): P =>
  ({ ...Pipeable.Prototype, _tag: "Pipeline", "~origin": origin, name, nodes, subscribers }) as P

interface Built {
  readonly name: string
  readonly nodes: ReadonlyArray<Node>
  readonly subscribers: ReadonlyArray<Subscriber>
}

const append = <P>(self: Built, node: object): P =>
  build(self.name, appendNode(self.name, self.nodes, asNode(node)), self.subscribers)

/**
 * A pipeline with nothing in it yet. `Needs` is the state that it begins with.
 *
 * TypeScript infers all types or none: where `Needs` is written out, the name can be too (`make<Input, "images">`), and
 * the nodes of the pipeline are then known to `replace` and its like also where it stands within another one.
 */
export const make = <Needs extends object = {}, const Name extends string = string>(
  name: Name
): Pipeline<Needs, Needs, never, never, {}, Name> => build(name, [], [])

type Append<N, After, E, R, X, Name extends string, E2, R2, X2> = Pipeline<
  N,
  After,
  E | E2,
  R | Exclude<R2, Scope.Scope>,
  X & X2,
  Name
>

/**
 * Appends a step. It is a compile error where the state does not have what the step needs, or where the pipeline has a
 * node of that name; a name that is known only at run time throws DuplicatePath then.
 */
export const step =
  <N2, A2, E2, R2, Name2 extends string>(next: Step<N2, A2, E2, R2, Name2>) =>
  <N, S extends N2, E, R, X extends Free<{ readonly name: Name2 }>, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Append<N, Then<S, A2>, E, R, X, Name, E2, R2, { readonly [P in Known<Name2>]: Place<N2, A2, S, Then<S, A2>> }> =>
    append(self, next)

/** Appends a pipeline as one node: a scope of its own, that ends before the next node begins. */
export const pipeline =
  <N2, S2, E2, R2, X2, Name2 extends string>(next: Pipeline<N2, S2, E2, R2, X2, Name2>) =>
  <N, S extends N2, E, R, X extends Free<{ readonly name: Name2 }>, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Append<
    N,
    ThenState<S, S2>,
    E,
    R,
    X,
    Name,
    E2,
    R2,
    { readonly [P in Known<Name2>]: Place<N2, S2, S, ThenState<S, S2>> } & Below<Known<Name2>, X2>
  > =>
    append(self, next)

/**
 * Appends steps and pipelines that run at the same time, each from the same state; what they add is put together. Where
 * one fails, the others are interrupted.
 */
export const parallel =
  <const B extends ReadonlyArray<Branch>>(...branches: B) =>
  <N, S extends NeedsOfAll<B[number]>, E, R, X extends Free<B[number]>, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Append<
    N,
    ThenState<S, AddsInOrder<B>>,
    E,
    R,
    X,
    Name,
    ErrorOf<B[number]>,
    ServicesOf<B[number]>,
    PlacesOfAll<B[number], S, ThenState<S, AddsInOrder<B>>>
  > =>
    append(self, { _tag: "Parallel", branches })

type ItemOf<N2, K extends string> = K extends keyof N2 ? N2[K] : unknown

/**
 * Appends a pipeline that runs once for every item. Within it the state also holds the item, under `as`. Items are told
 * apart by `key`, which names them in paths: `deploy/servers[web1]/pull`. With `collect`, a value of every item's final
 * state is added to the state, as a list in the items' order.
 */
export const forEach =
  <
    const Name2 extends string,
    K extends string,
    S0,
    N2,
    S2,
    E2,
    R2,
    X2,
    const C extends string = never,
    V = never
  >(options: {
    readonly name: Name2
    readonly as: K
    readonly items: (state: S0) => ReadonlyArray<ItemOf<N2, K>>
    readonly key: (item: ItemOf<N2, K>) => string
    readonly body: Pipeline<N2, S2, E2, R2, X2>
    readonly strategy?: Strategy
    readonly collect?: { readonly as: C; readonly value: (state: S2) => V }
  }) =>
  <N, S extends S0 & Omit<N2, K>, E, R, X extends Free<{ readonly name: Name2 }>, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Append<
    N,
    Then<S, Collected<C, V>>,
    E,
    R,
    X,
    Name,
    E2,
    R2,
    { readonly [P in Known<Name2>]: Place<S0 & Omit<N2, K>, Collected<C, V>, S, Then<S, Collected<C, V>>> } & Below<
      Known<Name2>,
      X2 & Collecting<C, S2>
    >
  > =>
    append(self, { _tag: "ForEach", strategy: Strategies.parallel(), collect: undefined, ...options })

type Collected<C extends string, V> = { readonly [P in C]: ReadonlyArray<V> }
/** What is collected needs the body's final state, so that nothing is removed from the body that it may be made from. */
type Collecting<C extends string, S2> = [C] extends [never] ? {} : { readonly "?": Place<S2, {}, S2, S2> }

/**
 * Appends a step or a pipeline that runs only under a condition; otherwise it is skipped, for the reason that is given.
 * What it adds may be missing from the state then, and is optional.
 */
export const when =
  <S0, const B extends Branch>(options: {
    readonly if: (state: S0) => boolean
    /** Shown to the user where the condition does not hold. */
    readonly reason: string
    readonly body: B
  }) =>
  <N, S extends S0 & NeedsOf<B>, E, R, X extends Free<B>, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Append<
    N,
    ThenState<S, Partial<AddsOf<B>>>,
    E,
    R,
    X,
    Name,
    ErrorOf<B>,
    ServicesOf<B>,
    PlacesOf<B, S, ThenState<S, Partial<AddsOf<B>>>> & { readonly "?": Place<S0, {}, S, S> }
  > =>
    append(self, { _tag: "When", ...options })

/**
 * Tells of events of a run: of those of the pipeline's own nodes, where it stands within another one. The handler is
 * given one event after another, in their order. The run does not wait for it, but at its end, for 2 seconds; where it
 * fails, that is noted in the run as a warning, once, and the next event is given to it all the same.
 *
 * By the time of a run's last event, what the layers given to the run held has been released.
 */
export const on =
  <Tag extends Event["_tag"], E2, R2>(
    tag: Tag,
    handler: (event: Extract<Event, { readonly _tag: Tag }>) => Effect.Effect<unknown, E2, R2>
  ) =>
  <N, S, E, R, X, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Pipeline<N, S, E, R | Exclude<R2, Scope.Scope>, X, Name> =>
    build(self.name, self.nodes, [...self.subscribers, { tag, handler }])

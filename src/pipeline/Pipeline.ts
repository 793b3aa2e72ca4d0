import { type Effect, Pipeable, type Scope } from "effect"
import type { Event } from "../core/Event.ts"
import { asNode, type Node, type PipelineNode, type PipelineWrapper, type Subscriber, type Wait } from "./Node.ts"
import type { Outcome } from "./Outcome.ts"
import { type Origin, origin } from "./origin.ts"
import { appendNode, checkName } from "./paths.ts"
import type {
  CollectNodeMap,
  ForEachTypes,
  OwnAdds,
  PrefixPaths,
  Branch,
  ErrorOf,
  NoNodeNamed,
  LiteralName,
  NeedsOf,
  NeedsOfAll,
  NodeTypes,
  NodeMapOf,
  NodeMapOfAll,
  NodeMapOfChoice,
  ServicesOf
} from "./types/NodeMap.ts"
import type { Step } from "./Step.ts"
import type { Strategy } from "./Strategy.ts"
import { checkStrategy } from "./checkStrategy.ts"
import type {
  AddsOfChoice,
  AddsOfParallel,
  FromEarlierStep,
  NoConflict,
  Requirement,
  StateAfterAdds,
  StateAfterPipeline
} from "./types/State.ts"
import * as Strategies from "./Strategy.ts"

export { Description, describe } from "./description.ts"
export { provide, retry, timeout, undo } from "./around.ts"
export { call } from "./call.ts"
export { insertAfter, insertBefore, remove, replace, strategy } from "./edit.ts"
export { toMermaid } from "./mermaid.ts"
export {
  CallsTooDeep,
  CircularOrder,
  DuplicatePath,
  InvalidName,
  InvalidStrategy,
  NoSuchNode,
  NotAForEach,
  ResultMissing,
  StepTimedOut
} from "./PipelineError.ts"
export { run } from "./interpreter/run.ts"
export type { Node, Wait } from "./Node.ts"
export type { Outcome } from "./Outcome.ts"
export type { Branch } from "./types/NodeMap.ts"

/**
 * A sequence of steps and nested pipelines, as data. {@link run} executes it.
 *
 * The nodes share a typed state: it starts as `Needs`, each step adds to it, and it ends as `State`. The pipeline fails
 * with `E` and requires the services `R`. Each pipeline has its own scope: the resources that its steps acquire are
 * released when it ends, in reverse order, whether it succeeds, fails or is interrupted.
 *
 * `NodeMap` has the types of each node by path, so that the compiler can check {@link replace}, {@link insertBefore},
 * {@link insertAfter} and {@link remove}.
 */
export interface Pipeline<
  in Needs,
  out State,
  out E = never,
  out R = never,
  // oxlint-disable-next-line typescript/no-explicit-any -- if the types of the nodes are unknown, edits are not checked
  out NodeMap = any,
  out Name extends string = string
>
  extends Pipeable.Pipeable {
  readonly _tag: "Pipeline"
  readonly name: Name
  readonly nodes: ReadonlyArray<Node>
  readonly subscribers: ReadonlyArray<Subscriber>
  /** The wrappers around the pipeline, innermost first. */
  readonly wrappers: ReadonlyArray<PipelineWrapper>
  readonly "~origin": Origin
  /** Exists only at compile time. */
  readonly "~types"?: {
    readonly needs: (_: Needs) => void
    readonly state: State
    readonly error: E
    readonly services: R
  }
  /** Exists only at compile time. */
  readonly "~nodes"?: NodeMap
}

/** The state at the end of a pipeline. */
export type StateOf<P> = P extends Pipeline<infer _N, infer S, infer _E, infer _R> ? S : never

/** Creates a pipeline. The signatures below state its type; the value has no types at run time, so this is a cast. */
const build = <P>({ name, nodes, subscribers, wrappers }: PipelineData): P =>
  ({ ...Pipeable.Prototype, _tag: "Pipeline", "~origin": origin, name, nodes, subscribers, wrappers }) as P

type PipelineData = Omit<PipelineNode, "_tag">

const append = <P>(self: PipelineData, node: object): P => build({ ...self, nodes: appendNode(self, asNode(node)) })

/**
 * Creates an empty pipeline. `Needs` is the state that it starts with.
 *
 * If you specify `Needs`, TypeScript does not infer the name. To use this pipeline inside another one, specify the name too
 * (`make<Input, "images">("images")`): {@link replace} and the other edits then know the paths of its nodes.
 *
 * Like the name of a step, the name cannot be empty or contain `/`, `[`, `]`, line breaks or control characters.
 */
export const make = <Needs extends object = {}, const Name extends string = string>(
  name: Name
): Pipeline<Needs, Needs, never, never, {}, Name> =>
  build({ name: checkName(name), nodes: [], subscribers: [], wrappers: [] })

type Append<N, After, E, R, X, Name extends string, E2, R2, X2> = Pipeline<
  N,
  After,
  E | E2,
  R | Exclude<R2, Scope.Scope>,
  X & X2,
  Name
>

/**
 * Appends a step.
 *
 * Does not compile if the state lacks something that the step needs, or if the pipeline already has a node with that name.
 * If the name is only known at run time, throws {@link DuplicatePath}.
 */
export const step =
  <N2, A2, E2, R2, Name2 extends string>(next: Step<N2, A2, E2, R2, Name2>) =>
  <
    N,
    S extends N2 & Requirement<FromEarlierStep>,
    E,
    R,
    X extends NoNodeNamed<{ readonly name: Name2 }>,
    Name extends string
  >(
    self: Pipeline<N, S, E, R, X, Name>
  ): Append<
    N,
    StateAfterAdds<S, A2>,
    E,
    R,
    X,
    Name,
    E2,
    R2,
    { readonly [P in LiteralName<Name2>]: NodeTypes<N2, A2, S, StateAfterAdds<S, A2>> }
  > =>
    append(self, next)

/** Appends a nested pipeline. Its resources are released when it ends, before the next node starts. */
export const pipeline =
  <N2, S2, E2, R2, X2, Name2 extends string>(next: Pipeline<N2, S2, E2, R2, X2, Name2>) =>
  <
    N,
    S extends N2 & Requirement<FromEarlierStep>,
    E,
    R,
    X extends NoNodeNamed<{ readonly name: Name2 }>,
    Name extends string
  >(
    self: Pipeline<N, S, E, R, X, Name>
  ): Append<
    N,
    StateAfterPipeline<S, N2, S2>,
    E,
    R,
    X,
    Name,
    E2,
    R2,
    { readonly [P in LiteralName<Name2>]: NodeTypes<N2, S2, S, StateAfterPipeline<S, N2, S2>> } & PrefixPaths<
      LiteralName<Name2>,
      X2
    >
  > =>
    append(self, next)

/**
 * Appends steps and pipelines that run in parallel. Each starts with the same state, and everything that they add is in
 * the state afterwards. If one fails, the others are interrupted.
 *
 * Does not compile if two of them add the same key with different types. With the same type, the value of the later branch in
 * the list is used.
 */
export const parallel =
  <const B extends ReadonlyArray<Branch>>(...branches: B) =>
  <
    N,
    S extends NeedsOfAll<B[number]> & Requirement<FromEarlierStep>,
    E,
    R,
    X extends NoNodeNamed<B[number]> & NoConflict<B>,
    Name extends string
  >(
    self: Pipeline<N, S, E, R, X, Name>
  ): Append<
    N,
    StateAfterAdds<S, AddsOfParallel<B>>,
    E,
    R,
    X,
    Name,
    ErrorOf<B[number]>,
    ServicesOf<B[number]>,
    NodeMapOfAll<B[number], S, StateAfterAdds<S, AddsOfParallel<B>>>
  > =>
    append(self, { _tag: "Parallel", branches })

/** The names of the nodes of a body. */
type NodeName<X> = Exclude<keyof X & string, `${string}/${string}`>

type ItemOf<N2, K extends string> = K extends keyof N2 ? N2[K] : unknown

/**
 * Appends a pipeline that runs once per item.
 *
 * - `as`: the key under which the body finds the item in its state.
 * - `key`: identifies the item in paths, such as `web1` in `deploy/servers[web1]/pull`.
 * - `strategy`: how many items run at the same time, and what a failed item does to the others. The default is
 *   `Strategy.parallel()`. It may depend on the state. Throws {@link InvalidStrategy} if one of its numbers is not a whole
 *   number of 1 or more; if it depends on the state, the run fails with that error.
 * - `after`: what an item waits for. A key stands for other items of this forEach: if one of them fails or is skipped, this
 *   item is skipped, too. Keys that no item has are ignored. An Effect may return a reason to skip the item. An item that
 *   waits counts as running. Items are started behind those that they wait for; if they wait for each other, the run
 *   fails with {@link CircularOrder}.
 * - `waitBefore`: the name of the body's node before which an item waits. By default, and if the body has no such node, it
 *   waits before it starts. If the item is then skipped, the steps that it has completed are undone.
 * - `ended`: runs when an item has ended, even if it was skipped or interrupted. It is not called for items that an
 *   interrupted run never reached.
 * - `collect`: adds one value of each item's final state to the state, as a list in the order of the items. With
 *   `outcomes: true`, the list has an {@link Outcome} for each item, and failed items do not fail the forEach: a later node
 *   decides. `onFailure` still decides about the other items.
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
    V = never,
    const O extends boolean = false
  >(options: {
    readonly name: Name2
    readonly as: K
    readonly items: (state: S0) => ReadonlyArray<ItemOf<N2, K>>
    readonly key: (item: ItemOf<N2, K>) => string
    readonly body: Pipeline<N2, S2, E2, R2, X2>
    readonly strategy?: Strategy | ((state: S0) => Strategy)
    readonly after?: (item: ItemOf<N2, K>, state: S0) => ReadonlyArray<string | Wait>
    readonly waitBefore?: NodeName<X2>
    readonly ended?: (item: ItemOf<N2, K>, state: S0) => Effect.Effect<void>
    readonly collect?: { readonly as: C; readonly value: (state: S2) => V; readonly outcomes?: O }
  }) =>
  <
    N,
    S extends S0 & Omit<N2, K> & Requirement<FromEarlierStep>,
    E,
    R,
    X extends NoNodeNamed<{ readonly name: Name2 }>,
    Name extends string
  >(
    self: Pipeline<N, S, E, R, X, Name>
  ): Append<
    N,
    StateAfterAdds<S, Collected<C, ValueOf<O, ItemOf<N2, K>, V, E2>>>,
    E,
    R,
    X,
    Name,
    O extends true ? never : E2,
    R2,
    {
      readonly [P in LiteralName<Name2>]: ForEachTypes<
        S0 & Omit<N2, K>,
        Collected<C, ValueOf<O, ItemOf<N2, K>, V, E2>>,
        S,
        StateAfterAdds<S, Collected<C, ValueOf<O, ItemOf<N2, K>, V, E2>>>
      >
    } & PrefixPaths<LiteralName<Name2>, X2 & CollectNodeMap<C, S2>>
  > =>
    append(self, {
      _tag: "ForEach",
      collect: undefined,
      ...options,
      strategy:
        typeof options.strategy === "function"
          ? options.strategy
          : checkStrategy(options.name, options.strategy ?? Strategies.parallel())
    })

type ValueOf<O extends boolean, Item, V, E> = O extends true ? Outcome<Item, V, E> : V
type Collected<C extends string, V> = { readonly [P in C]: ReadonlyArray<V> }

/**
 * Appends a step or a pipeline that only runs if a condition holds. Otherwise it is skipped, and `reason` says why; if it is
 * `quiet`, nothing is shown then. What it adds is optional in the state afterwards.
 */
export const when =
  <S0, const B extends Branch>(options: {
    readonly if: (state: S0) => boolean
    /** Shown to the user if the condition does not hold. */
    readonly reason: string
    /** Publishes no event if the condition does not hold: for what most runs have no use for. */
    readonly quiet?: boolean
    readonly body: B
  }) =>
  <N, S extends S0 & NeedsOf<B> & Requirement<FromEarlierStep>, E, R, X extends NoNodeNamed<B>, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Append<
    N,
    StateAfterAdds<S, Partial<OwnAdds<B>>>,
    E,
    R,
    X,
    Name,
    ErrorOf<B>,
    ServicesOf<B>,
    NodeMapOf<B, S, StateAfterAdds<S, Partial<OwnAdds<B>>>> & { readonly "?": NodeTypes<S0, {}, S, S> }
  > =>
    append(self, { _tag: "When", ...options })

/**
 * Appends two sides of which one runs: `body` if the condition holds, `else` otherwise. The other side publishes no event.
 * What both add is in the state afterwards; what only one adds is optional. Both can be, or contain, steps of the same name.
 *
 * `question` is shown in pictures. If both sides are pipelines of the same name, handlers of both get the events.
 */
export const choose =
  <S0, const B extends Branch, const C extends Branch>(options: {
    readonly if: (state: S0) => boolean
    readonly question?: string
    readonly body: B
    readonly else: C
  }) =>
  <
    N,
    S extends S0 & NeedsOf<B> & NeedsOf<C> & Requirement<FromEarlierStep>,
    E,
    R,
    X extends NoNodeNamed<B | C>,
    Name extends string
  >(
    self: Pipeline<N, S, E, R, X, Name>
  ): Append<
    N,
    StateAfterAdds<S, AddsOfChoice<B, C>>,
    E,
    R,
    X,
    Name,
    ErrorOf<B | C>,
    ServicesOf<B | C>,
    NodeMapOfChoice<B, C, S, StateAfterAdds<S, AddsOfChoice<B, C>>> & { readonly "?": NodeTypes<S0, {}, S, S> }
  > =>
    append(self, { _tag: "Choose", ...options })

/**
 * Calls a handler for each event with the given tag. In a nested pipeline, only for events of its own nodes.
 *
 * The handler gets one event at a time, in order. The run does not wait for it, except for up to 2 seconds at the end. If
 * it fails, the run publishes one warning and the handler gets the next event as usual.
 *
 * When the last event of a run is published, the layers passed to {@link run} have already been released.
 */
export const on =
  <Tag extends Event["_tag"], E2, R2>(
    tag: Tag,
    handler: (event: Extract<Event, { readonly _tag: Tag }>) => Effect.Effect<unknown, E2, R2>
  ) =>
  <N, S, E, R, X, Name extends string>(
    self: Pipeline<N, S, E, R, X, Name>
  ): Pipeline<N, S, E, R | Exclude<R2, Scope.Scope>, X, Name> =>
    build({ ...self, subscribers: [...self.subscribers, { tag, handler }] })

import type { Pipeline } from "../Pipeline.ts"
import type { Step } from "../Step.ts"

/** What the compiler knows of a node: what it needs and adds, and the state of its pipeline before and after it. */
export interface Place<Needs, Adds, Before, After> {
  readonly needs: Needs
  readonly adds: (_: Adds) => void
  readonly added: Adds
  readonly before: Before
  readonly after: After
}

/** What can be put into a pipeline by itself. */
// oxlint-disable-next-line typescript/no-explicit-any -- any step: a lower bound of its own is not to narrow the types inferred from it
export type Branch = Step<never, unknown, unknown, unknown> | Pipeline<never, unknown, unknown, unknown, any>

/** What the compiler knows of a branch; of one of several, what it knows of each. */
type Signature<B> =
  B extends Step<infer Needs, infer Adds, infer Error, infer Services>
    ? { readonly needs: Needs; readonly adds: Adds; readonly error: Error; readonly services: Services }
    : B extends Pipeline<infer Needs, infer Adds, infer Error, infer Services>
      ? { readonly needs: Needs; readonly adds: Adds; readonly error: Error; readonly services: Services }
      : never
export type NeedsOf<B> = Signature<B>["needs"]
export type AddsOf<B> = Signature<B>["adds"]
export type ErrorOf<B> = Signature<B>["error"]
export type ServicesOf<B> = Signature<B>["services"]

/** The intersection of what some functions take; a state that is itself a union stays one. */
export type Together<F> = [F] extends [(_: infer I) => void] ? I : never
type Taken<B> = B extends unknown ? (_: NeedsOf<B>) => void : never
type Given<B> = B extends unknown ? (_: AddsOf<B>) => void : never
export type NeedsOfAll<B> = Together<Taken<B>>
export type AddsOfAll<B> = Together<Given<B>>

/** A name as it stands in the types: one that is known only at run time is a question mark there. */
export type Known<Name extends string> = string extends Name ? "?" : Name
type NameOf<B> = B extends { readonly name: infer Name extends string } ? Known<Name> : "?"

/** The places of a composition, below its name. */
export type Below<Name extends string, Places> = { readonly [P in keyof Places & string as `${Name}/${P}`]: Places[P] }

/** The places that a node brings into a pipeline whose state is `S` before it, and `After` behind it. */
export type PlacesOf<B, S, After> = { readonly [P in NameOf<B>]: Place<NeedsOf<B>, AddsOf<B>, S, After> } & (B extends {
  readonly _tag: "Pipeline"
  readonly "~places"?: infer Inner
}
  ? Below<NameOf<B>, Inner>
  : {})
type PlacesOfEach<B, S, After> = B extends unknown ? (_: PlacesOf<B, S, After>) => void : never
export type PlacesOfAll<B, S, After> = Together<PlacesOfEach<B, S, After>>

/** Places that have none of some names yet. */
export type Free<B> = { readonly [path: string]: unknown } & { readonly [P in Exclude<NameOf<B>, "?">]?: never }

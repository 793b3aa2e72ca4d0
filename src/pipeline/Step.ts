import { type Duration, type Effect, Pipeable, type Schedule, type Schema } from "effect"
import { rememberCaller } from "../core/authorFunction.ts"

export { retry, skipWhen, timeout, undo } from "./wrappers.ts"

/**
 * A named unit of work. It reads `Needs` from the pipeline's state and adds `Adds` to it. What it acquires in its scope
 * is released when the pipeline that holds it ends.
 */
export interface Step<in Needs, out Adds, out E = never, out R = never, out Name extends string = string>
  extends Pipeable.Pipeable {
  readonly _tag: "Step"
  readonly name: Name
  /** Describes the part of `Adds` that outlives the run: it is written into the event of the step's end. */
  readonly result?: Schema.Codec<Adds, unknown>
  readonly run: (state: Needs) => Effect.Effect<Adds | Skipped<Adds>, E, R>
  /** What was put around the step, the innermost first. */
  readonly wrappers: ReadonlyArray<Wrapper>
}

/** What can be put around a step, with its types gone. */
export type Wrapper =
  | { readonly _tag: "Retry"; readonly schedule: Schedule.Schedule<unknown, never, unknown, unknown> }
  | { readonly _tag: "Timeout"; readonly duration: Duration.Duration }
  | { readonly _tag: "SkipWhen"; readonly reason: (state: never) => string | undefined }
  | Undo

/** How to take back what a step has done. */
export interface Undo {
  readonly _tag: "Undo"
  readonly run: (added: never, state: never) => Effect.Effect<unknown, unknown, unknown>
  /** How long it may take before it is given up. */
  readonly within: Duration.Duration
}

/** What a step answers that found nothing to do: why, and what it adds to the state all the same. */
export interface Skipped<out Adds> {
  readonly _tag: "jiji/pipeline/Skipped"
  readonly reason: string
  readonly adds: Adds
}

/** Ends a step as skipped. `reason` is shown to the user. */
export const skip = <const Adds extends object = {}>(reason: string, adds?: Adds): Skipped<Adds> => ({
  _tag: "jiji/pipeline/Skipped",
  reason,
  // Left out only where Adds is {}.
  adds: adds ?? ({} as Adds)
})

/** Whether a step's answer says that it was skipped. */
export const isSkipped = (value: unknown): value is Skipped<unknown> =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "jiji/pipeline/Skipped"

type Added<A> = A extends Skipped<infer B> ? B : A extends object ? A : {}

/** A step from its name and what it does. A body that returns nothing adds nothing. */
export const make = <
  Needs extends object = {},
  A extends object | void = void,
  E = never,
  R = never,
  const Name extends string = string
>(
  name: Name,
  run: (state: Needs) => Effect.Effect<A, E, R>,
  options?: { readonly result?: Schema.Codec<Added<A>, unknown> }
): Step<Needs, Added<A>, E, R, Name> => ({
  ...Pipeable.Prototype,
  _tag: "Step",
  name,
  ...options,
  // A body's void and a skipped answer are both taken apart by the runner.
  run: rememberCaller(run) as Step<Needs, Added<A>, E, R>["run"],
  wrappers: []
})

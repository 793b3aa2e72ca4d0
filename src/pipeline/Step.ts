import type { Effect, Schema } from "effect"

/**
 * A named unit of work. It reads `Needs` from the pipeline's state and adds `Adds` to it. What it acquires in its scope
 * is released when the pipeline that holds it ends.
 */
export interface Step<in Needs, out Adds, out E = never, out R = never> {
  readonly _tag: "Step"
  readonly name: string
  /** Describes the part of `Adds` that outlives the run: it is written into the event of the step's end. */
  readonly result?: Schema.Codec<Adds, unknown>
  readonly run: (state: Needs) => Effect.Effect<Adds | Skipped<Adds>, E, R>
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
export const make = <Needs extends object = {}, A extends object | void = void, E = never, R = never>(
  name: string,
  run: (state: Needs) => Effect.Effect<A, E, R>,
  options?: { readonly result?: Schema.Codec<Added<A>, unknown> }
): Step<Needs, Added<A>, E, R> => ({
  _tag: "Step",
  name,
  ...options,
  // A body's void and a skipped answer are both taken apart by the runner.
  run: run as Step<Needs, Added<A>, E, R>["run"]
})

import { type Duration, type Effect, Pipeable, type Schedule, type Schema } from "effect"
import { rememberCaller } from "../core/authorFunction.ts"

import { checkName } from "./paths.ts"
import type { Simplified } from "./types/State.ts"

export { inBackground } from "./interpreter/background.ts"
export { cached, retry, skipWhen, timeout, undo } from "./wrappers.ts"
export { sleep, waitFor } from "./waiting.ts"

/**
 * A named unit of work. It reads `Needs` from the pipeline's state and adds `Adds` to it. It fails with `E` and requires
 * the services `R`. The resources that it acquires are released when the enclosing pipeline ends.
 */
export interface Step<in Needs, out Adds, out E = never, out R = never, out Name extends string = string>
  extends Pipeable.Pipeable {
  readonly _tag: "Step"
  readonly name: Name
  /** The schema of `Adds`. If present, the step's last event has the encoded value in `result`. */
  readonly result?: Schema.Codec<Adds, unknown>
  /** Whether a resumed run may use the stored result. */
  readonly reuse?: false | ((added: never, state: never) => boolean)
  /** The schema of the signal that the step waits for. */
  readonly signal?: Schema.Codec<unknown, unknown>
  readonly run: (state: Needs) => Effect.Effect<Adds | Skipped<Adds>, E, R>
  /** The wrappers around the step, innermost first. */
  readonly wrappers: ReadonlyArray<Wrapper>
}

/** Something that changes how a step runs, without its type parameters. */
export type Wrapper =
  | Retry
  | Timeout
  | Cached
  | {
      readonly _tag: "SkipWhen"
      readonly reason: (state: never) => string | undefined
      /** Whether a skipped step has no events. */
      readonly quiet?: boolean
    }
  | Undo

type AnySchedule = Schedule.Schedule<unknown, never, unknown, unknown>

/** Retries on a schedule, which may depend on the state. */
export interface Retry {
  readonly _tag: "Retry"
  readonly schedule: AnySchedule | ((state: never) => AnySchedule)
}

/** A time limit, which may depend on the state. */
export interface Timeout {
  readonly _tag: "Timeout"
  readonly duration: Duration.Duration | ((state: never) => Duration.Input)
}

/** Uses the stored result of an earlier run. */
export interface Cached {
  readonly _tag: "Cached"
  readonly key: (state: never) => string
  /** How old the result may be. Undefined if its age does not matter. */
  readonly within: Duration.Duration | undefined
}

/** How to undo a step or a pipeline. */
export interface Undo {
  readonly _tag: "Undo"
  readonly run: (added: never, state: never) => Effect.Effect<unknown, unknown, unknown>
  /** How long the undo may take. */
  readonly within: Duration.Duration
}

/** The result of a step that had nothing to do: why, and what it adds to the state nevertheless. */
export interface Skipped<out Adds> {
  readonly _tag: "jiji/pipeline/Skipped"
  readonly reason: string
  readonly adds: Adds
}

/**
 * Creates the result of a step that had nothing to do. The step ends with StepSkipped instead of StepSucceeded, and is not
 * undone later. `reason` is shown to the user, and `adds` is added to the state as usual.
 */
export const skip = <const Adds extends object = {}>(reason: string, adds?: Adds): Skipped<Adds> => ({
  _tag: "jiji/pipeline/Skipped",
  reason,
  // `adds` is only omitted if Adds is {}.
  adds: adds ?? ({} as Adds)
})

/** Returns true for the result of {@link skip}. */
export const isSkipped = (value: unknown): value is Skipped<unknown> =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "jiji/pipeline/Skipped"

/** Appears in the compile error if a step returns an Effect as what it adds. `object`, or other objects would not fit. */
type NotAnEffect = object & { readonly "~effect/Effect"?: "put yield* before the Effect that this step returns" }

type Added<A> = Simplified<A extends Skipped<infer B> ? B : A extends object ? A : {}>

/**
 * Creates a step. `run` gets the pipeline's state and returns an Effect of what to add to it: an object, nothing, or the
 * result of {@link skip}. With `result`, the schema of that object, the step's last event has the encoded value.
 *
 * A step with a `result` does not run again when its run is resumed: its result is stored, unless it contains a secret. With
 * `reuse: false` it runs again, because it looks at something that may have changed since. A function gets the stored result
 * and the state, and returns whether the result still holds.
 *
 * The name becomes part of paths: it cannot be empty or contain `/`, `[`, `]`, line breaks or control characters. Such a step
 * throws `Pipeline.InvalidName`, and does not compile in a pipeline.
 */
export const make = <
  Needs extends object = {},
  A extends NotAnEffect | void = void,
  E = never,
  R = never,
  const Name extends string = string
>(
  name: Name,
  run: (state: Needs) => Effect.Effect<A, E, R>,
  options?: {
    readonly result?: Schema.Codec<Added<A>, unknown>
    readonly reuse?: false | ((added: Added<A>, state: Needs) => boolean)
  }
): Step<Needs, Added<A>, E, R, Name> => ({
  ...Pipeable.Prototype,
  _tag: "Step",
  name: checkName(name),
  ...options,
  // `run` may also return void or a skip; the runner handles both.
  run: rememberCaller(run) as Step<Needs, Added<A>, E, R>["run"],
  wrappers: []
})

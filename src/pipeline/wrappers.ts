import { Duration, type Effect, type Schedule } from "effect"
import { ResultMissing, type StepTimedOut } from "./PipelineError.ts"
import { rememberCaller } from "../core/authorFunction.ts"
import type { Timeout, Undo, Wrapper, Step } from "./Step.ts"

const wrap = <N, A, E, R, Name extends string>(self: object, wrapper: Wrapper): Step<N, A, E, R, Name> => {
  // The signatures below state the type; wrappers have no type parameters.
  const step = self as Step<N, A, E, R, Name>
  return { ...step, wrappers: [...step.wrappers, wrapper] }
}

/** Creates the wrapper of a time limit. */
export const timeoutOf = (duration: Duration.Input | ((state: never) => Duration.Input)): Timeout => ({
  _tag: "Timeout",
  duration: typeof duration === "function" ? duration : Duration.fromInputUnsafe(duration)
})

/** Creates the wrapper of an undo. */
export const undoOf = (run: Undo["run"], options?: { readonly within?: Duration.Input }): Undo => ({
  _tag: "Undo",
  run: rememberCaller(run),
  within: Duration.fromInputUnsafe(options?.within ?? "1 minute")
})

/**
 * Retries a failed step according to a schedule, and publishes StepRetried before each retry. Before the next attempt, the
 * runs that a failed one has started are undone and its resources are released. Defects and interruptions are not retried.
 *
 * The schedule may depend on the state.
 */
export const retry =
  <Out, Input, E2, R2, N2 = unknown>(
    schedule: Schedule.Schedule<Out, Input, E2, R2> | ((state: N2) => Schedule.Schedule<Out, Input, E2, R2>)
  ) =>
  <N, A, E extends Input, R, Name extends string>(
    self: Step<N, A, E, R, Name>
  ): Step<N & N2, A, E | E2, R | R2, Name> =>
    wrap(self, { _tag: "Retry", schedule })

/**
 * Fails a step with StepTimedOut if it takes longer. Applied before {@link retry}, it limits each attempt; applied after,
 * it limits all attempts together. The limit may depend on the state.
 */
export const timeout =
  <N2 = unknown>(duration: Duration.Input | ((state: N2) => Duration.Input)) =>
  <N, A, E, R, Name extends string>(self: Step<N, A, E, R, Name>): Step<N & N2, A, E | StepTimedOut, R, Name> =>
    wrap(self, timeoutOf(duration))

/**
 * Skips a step if the function returns a reason, which is shown to the user. What the step adds is optional in the state.
 * With `quiet`, nothing is shown then: the step has no events.
 */
export const skipWhen =
  <N>(reason: (state: N) => string | undefined, { quiet = false }: { readonly quiet?: boolean } = {}) =>
  <N2, A, E, R, Name extends string>(self: Step<N2, A, E, R, Name>): Step<N & N2, Partial<A>, E, R, Name> =>
    wrap(self, { _tag: "SkipWhen", reason, ...(quiet && { quiet }) })

/**
 * Skips a step if an earlier run has stored its result under the same key, and adds that result to the state. Otherwise runs the
 * step and stores its result when it has succeeded. The key must contain everything that the result depends on, such as the
 * versions of its input. With `within`, an older result is not used.
 *
 * The step needs a `result` schema that encodes it as JSON, or this throws {@link ResultMissing}. Each step and each item of a
 * forEach has its own results. A result that contains a secret is not stored; an undo of the step removes it.
 */
export const cached =
  <N = unknown>(options: { readonly key: (state: N) => string; readonly within?: Duration.Input }) =>
  <N2, A, E, R, Name extends string>(self: Step<N2, A, E, R, Name>): Step<N & N2, A, E, R, Name> => {
    if (self.result === undefined) throw new ResultMissing({ step: self.name })
    const { key, within } = options
    return wrap(self, {
      _tag: "Cached",
      key,
      within: within === undefined ? undefined : Duration.fromInputUnsafe(within)
    })
  }

/**
 * Adds an undo to a step. `run` gets what the step added and the state that it got.
 *
 * It runs once, if the step succeeded and an enclosing pipeline fails or is interrupted later. Steps are undone in reverse
 * order, before that pipeline's resources are released. Skipped steps are not undone.
 *
 * The undo has its own scope, and fails with StepTimedOut if it takes longer than `within` (default 1 minute). A failed undo
 * is published, but does not change how the pipeline ends, and the remaining undos still run.
 */
export const undo =
  <N, A, E2, R2>(
    run: (added: A, state: N) => Effect.Effect<unknown, E2, R2>,
    options?: { readonly within?: Duration.Input }
  ) =>
  <N2, A2 extends A, E, R, Name extends string>(self: Step<N2, A2, E, R, Name>): Step<N & N2, A2, E, R | R2, Name> =>
    wrap(self, undoOf(run, options))

import { Duration, type Effect, type Schedule } from "effect"
import type { StepTimedOut } from "./PipelineError.ts"
import type { Wrapper, Step } from "./Step.ts"

const put = <N, A, E, R, Name extends string>(self: object, wrapper: Wrapper): Step<N, A, E, R, Name> => {
  // A step's own types are the callers' signatures; what wraps it carries none.
  const step = self as Step<N, A, E, R, Name>
  return { ...step, wrappers: [...step.wrappers, wrapper] }
}

/**
 * Does a failed step again as the schedule says, and publishes a StepRetried each time. What a failed attempt had
 * acquired is released before the next. Defects and interruptions are not tried again.
 */
export const retry =
  <Out, Input, E2, R2>(schedule: Schedule.Schedule<Out, Input, E2, R2>) =>
  <N, A, E extends Input, R, Name extends string>(self: Step<N, A, E, R, Name>): Step<N, A, E | E2, R | R2, Name> =>
    put(self, { _tag: "Retry", schedule })

/**
 * Stops a step that takes longer, with StepTimedOut. Put inside of {@link retry} it is the time of one attempt, put
 * around it that of all.
 */
export const timeout =
  (duration: Duration.Input) =>
  <N, A, E, R, Name extends string>(self: Step<N, A, E, R, Name>): Step<N, A, E | StepTimedOut, R, Name> =>
    put(self, { _tag: "Timeout", duration: Duration.fromInputUnsafe(duration) })

/** Skips a step where there is a reason, which is shown to the user. What it adds is then missing from the state. */
export const skipWhen =
  <N>(reason: (state: N) => string | undefined) =>
  <N2, A, E, R, Name extends string>(self: Step<N2, A, E, R, Name>): Step<N & N2, Partial<A>, E, R, Name> =>
    put(self, { _tag: "SkipWhen", reason })

/**
 * Says how to take back what the step has done, from what it added and the state it was given. It runs once, where the
 * step was done and a pipeline that it is in fails or is interrupted afterwards; the last step is undone first, before
 * anything is released. A skipped step is not undone.
 *
 * It has a scope of its own, and `within` (1 minute) to end. Its failure is published, and is not the pipeline's.
 */
export const undo =
  <N, A, E2, R2>(
    run: (added: A, state: N) => Effect.Effect<unknown, E2, R2>,
    options?: { readonly within?: Duration.Input }
  ) =>
  <N2, A2 extends A, E, R, Name extends string>(self: Step<N2, A2, E, R, Name>): Step<N & N2, A2, E, R | R2, Name> =>
    put(self, { _tag: "Undo", run, within: Duration.fromInputUnsafe(options?.within ?? "1 minute") })

import { Cause, Duration, Effect, Option, Schedule } from "effect"
import { checkReturn } from "../../core/authorFunction.ts"
import { Events } from "../../core/Events.ts"
import { failureRecords } from "../../core/failureRecords.ts"
import { StepTimedOut } from "../PipelineError.ts"
import type { Retry, Timeout } from "../Step.ts"
import type { NodeEffect, State } from "./nodeEvents.ts"
import { ItemBlocked } from "./order.ts"
import { readState } from "./stateReads.ts"

/** Retries an attempt of a step or pipeline, and publishes each retry. */
export const retryNode = <A>({ schedule }: Retry, attempt: NodeEffect<A>, state: State, name: string): NodeEffect<A> =>
  Effect.suspend(() => {
    const what = `the retry of ${name}`
    const chosen =
      typeof schedule === "function" ? readState(what, state, (known) => schedule(known as never)) : schedule
    // The signatures of `retry` ensure that the schedule accepts the errors of the node.
    const checked = checkReturn(what, "a Schedule", chosen, Schedule.isSchedule(chosen)) as Schedule.Schedule<
      unknown,
      unknown,
      unknown,
      unknown
    >
    // An item that must not continue has not failed.
    const failures = Schedule.while(checked, ({ input }) => !(input instanceof ItemBlocked))
    const published = Schedule.tap(failures, ({ attempt, duration, input }) =>
      Effect.flatMap(Events, (events) =>
        events.publish({
          _tag: "StepRetried",
          attempt,
          millis: Math.round(Duration.toMillis(duration)),
          failures: failureRecords(Cause.fail(input))
        })
      )
    )
    return Effect.retry(attempt, published)
  })

/** Fails a step or pipeline that takes too long. */
export const limitNode = <A>(
  { duration }: Timeout,
  inner: NodeEffect<A>,
  state: State,
  path: string,
  name: string
): NodeEffect<A> =>
  Effect.suspend(() => {
    const what = `the timeout of ${name}`
    const given =
      typeof duration === "function" ? readState(what, state, (known) => duration(known as never)) : duration
    const limit = Duration.fromInput(given)
    checkReturn(what, "a duration", given, Option.isSome(limit))
    const millis = Duration.toMillis(Option.getOrThrow(limit))
    return Effect.timeoutOrElse(inner, {
      duration: millis,
      orElse: () => Effect.fail(new StepTimedOut({ path, millis }))
    })
  })

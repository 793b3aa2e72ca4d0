import { Cause, Duration, Effect, Exit, Schedule, Schema, Scope } from "effect"
import { checkReturn, runAuthorFunction } from "../../core/authorFunction.ts"
import { Events } from "../../core/Events.ts"
import { stepLabel, type StepNode } from "../Node.ts"
import { withNodeEvents, type NodeEffect, type State } from "./nodeEvents.ts"
import { StepTimedOut } from "../PipelineError.ts"
import { isSkipped } from "../Step.ts"
import type { Wrapper } from "../Step.ts"
import type { Undos } from "./undos.ts"
import { failureRecords } from "../../core/failureRecords.ts"

/** What a step or its wrapper returned: what it adds, and why it was skipped, if it was. */
interface Answer {
  readonly adds: unknown
  readonly skipped?: string
  /** It was not even asked, so that there is nothing for its schema to describe. */
  readonly unasked?: boolean
}

/** An attempt whose resources stay with the pipeline where it goes well, and are released at once where it fails. */
const attempt = <A>(once: NodeEffect<A>): NodeEffect<A> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const exit = yield* Effect.exit(restore(Effect.provideService(once, Scope.Scope, scope)))
      if (Exit.isFailure(exit)) yield* Scope.close(scope, exit)
      return yield* exit
    })
  )

const put = (
  wrapper: Wrapper,
  inner: NodeEffect<Answer>,
  state: State,
  path: string,
  name: string
): NodeEffect<Answer> => {
  switch (wrapper._tag) {
    case "Retry": {
      // The errors that it takes are the step's own, as the signature of Step.retry says.
      const schedule = wrapper.schedule as Schedule.Schedule<unknown, unknown, unknown, unknown>
      return Effect.retry(
        attempt(inner),
        Schedule.tap(schedule, ({ attempt, duration, input }) =>
          Effect.flatMap(Events, (events) =>
            events.publish({
              _tag: "StepRetried",
              attempt,
              millis: Math.round(Duration.toMillis(duration)),
              failures: failureRecords(Cause.fail(input))
            })
          )
        )
      )
    }
    case "Timeout":
      return Effect.timeoutOrElse(inner, {
        duration: wrapper.duration,
        orElse: () => Effect.fail(new StepTimedOut({ path, millis: Duration.toMillis(wrapper.duration) }))
      })
    case "SkipWhen":
      return Effect.suspend(() => {
        const reason = wrapper.reason(state as never)
        const isReason = reason === undefined || typeof reason === "string"
        const skipped = checkReturn(`skipWhen of ${name}`, "a reason or undefined", reason, isReason)
        return skipped === undefined ? inner : Effect.succeed({ adds: {}, skipped, unasked: true })
      })
    case "Undo":
      return inner
  }
}

/** Runs a step with its wrappers; returns the state with what it adds. */
export const runStep = (step: StepNode, state: State, path: string, undos: Undos): NodeEffect<State> => {
  const { result } = step
  const name = stepLabel(step)
  // The compiler has checked the state against the step's needs where the pipeline was put together.
  const asked = runAuthorFunction(name, step.run, () => step.run(state as never))
  const body = Effect.map(asked, (answer): Answer =>
    isSkipped(answer) ? { adds: answer.adds, skipped: answer.reason } : { adds: answer }
  )
  const whole = step.wrappers.reduce((inner, wrapper) => put(wrapper, inner, state, path, name), body)
  const node = Effect.map(whole, ({ adds, unasked = false, ...skipped }) => {
    // What a step adds is what its schema describes; where it is not, that is the step's fault, and ends it.
    const encoded = result === undefined || unasked ? {} : { result: Schema.encodeUnknownSync(result)(adds) }
    return { adds, ended: { ...skipped, ...encoded } }
  })
  const done = withNodeEvents("step", path, node, ({ adds, ended }) => {
    if (!("skipped" in ended)) {
      for (const wrapper of step.wrappers) if (wrapper._tag === "Undo") undos.add(path, step, wrapper, adds, state)
    }
    return ended
  })
  return Effect.map(done, ({ adds }) => ({ ...state, ...(adds as object | undefined) }))
}

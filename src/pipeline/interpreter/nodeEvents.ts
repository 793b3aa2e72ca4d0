import { Cause, Clock, Effect, Exit, type Schema } from "effect"
import type { EventBody, NodeKind } from "../../core/Event.ts"
import { CurrentPath, Events } from "../../core/Events.ts"
import { failureRecords } from "../../core/failureRecords.ts"
import { CurrentActivity } from "./Activity.ts"

/** The state of a pipeline, without its type. */
export type State = Readonly<Record<string, unknown>>
/** The work of a node, without its types. */
export type NodeEffect<A> = Effect.Effect<A, unknown, unknown>

/** What the last event of a node says beside the duration: why it was skipped, its encoded result, and whether it ran before. */
export type NodeResult = { readonly skipped?: string; readonly result?: unknown; readonly resumed?: true }

/**
 * Publishes the first and the last event of a node. There is exactly one last event, whatever happens. `toResult` gets what
 * the node returned; it runs before the node can be interrupted. `schema` describes its encoded result. `store` runs after a
 * node that has succeeded, before its last event.
 */
export const withNodeEvents = <A>(
  kind: NodeKind,
  path: string,
  node: NodeEffect<A>,
  toResult: (value: A) => NodeResult = () => ({}),
  schema?: Schema.Top,
  store?: (value: A) => Effect.Effect<void>
): NodeEffect<A> =>
  Effect.uninterruptibleMask((restore) =>
    // No generator here: this runs for every node, and a generator would take twice the time.
    Effect.withFiber((fiber) => {
      const clock = fiber.getRef(Clock.Clock)
      const startedAt = clock.currentTimeMillisUnsafe()
      const activity = kind === "step" || kind === "undo" ? fiber.getRef(CurrentActivity) : undefined
      activity?.enter()
      return Effect.flatMap(Events, ({ publish }) =>
        Effect.andThen(
          publish({ _tag: "StepStarted", kind }),
          Effect.onExit(restore(node), (exit) => {
            activity?.leave()
            const event = endEvent(kind, clock.currentTimeMillisUnsafe() - startedAt, exit, toResult)
            const published = publish(event, schema)
            return store === undefined || Exit.isFailure(exit)
              ? published
              : Effect.andThen(store(exit.value), published)
          })
        )
      )
    })
  ).pipe(Effect.provideService(CurrentPath, path))

const endEvent = <A>(
  kind: NodeKind,
  millis: number,
  exit: Exit.Exit<A, unknown>,
  toResult: (value: A) => NodeResult
): EventBody => {
  if (Exit.isFailure(exit)) {
    return Cause.hasInterruptsOnly(exit.cause)
      ? { _tag: "StepInterrupted", kind, millis }
      : { _tag: "StepFailed", kind, millis, failures: failureRecords(exit.cause) }
  }
  const { skipped, ...rest } = toResult(exit.value)
  return skipped === undefined
    ? { _tag: "StepSucceeded", kind, millis, ...rest }
    : { _tag: "StepSkipped", kind, millis, reason: skipped, ...rest }
}

import { Cause, Clock, Effect, Exit } from "effect"
import type { EventBody, NodeKind } from "../../core/Event.ts"
import { CurrentPath, Events } from "../../core/Events.ts"
import { failureRecords } from "../../core/failureRecords.ts"

/** The state of a pipeline, with its type gone. */
export type State = Readonly<Record<string, unknown>>
/** What a node does, with its types gone. */
export type NodeEffect<A> = Effect.Effect<A, unknown, unknown>

/** What a node's end says beyond how long it took. */
export type NodeResult = { readonly skipped?: string; readonly result?: unknown }

/**
 * Publishes the node's beginning and its end; whatever happens, there is exactly one end. `ended` is called with what
 * the node answered before an interruption can come in between.
 */
export const withNodeEvents = <A>(
  kind: NodeKind,
  path: string,
  node: NodeEffect<A>,
  ended: (value: A) => NodeResult = () => ({})
): NodeEffect<A> =>
  Effect.uninterruptibleMask((restore) =>
    // Plain calls: this is what every node costs, and a generator would double it.
    Effect.withFiber((fiber) => {
      const clock = fiber.getRef(Clock.Clock)
      const began = clock.currentTimeMillisUnsafe()
      return Effect.flatMap(Events, ({ publish }) =>
        Effect.andThen(
          publish({ _tag: "StepStarted", kind }),
          Effect.onExit(restore(node), (exit) =>
            publish(end(kind, clock.currentTimeMillisUnsafe() - began, exit, ended))
          )
        )
      )
    })
  ).pipe(Effect.provideService(CurrentPath, path))

const end = <A>(
  kind: NodeKind,
  millis: number,
  exit: Exit.Exit<A, unknown>,
  ended: (value: A) => NodeResult
): EventBody => {
  if (Exit.isFailure(exit)) {
    return Cause.hasInterruptsOnly(exit.cause)
      ? { _tag: "StepInterrupted", kind, millis }
      : { _tag: "StepFailed", kind, millis, failures: failureRecords(exit.cause) }
  }
  const { skipped, ...rest } = ended(exit.value)
  return skipped === undefined
    ? { _tag: "StepSucceeded", kind, millis, ...rest }
    : { _tag: "StepSkipped", kind, millis, reason: skipped, ...rest }
}

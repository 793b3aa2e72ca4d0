import { Cause, Clock, Effect, Exit } from "effect"
import type { EventBody, FailureRecord, NodeKind } from "./Event.ts"
import { CurrentPath, Events } from "./Events.ts"
import { isFailure } from "./Failure.ts"
import { atPlace, messageOf, placeOf, tagOf } from "./fault.ts"

/** The state of a pipeline, with its type gone. */
export type State = Readonly<Record<string, unknown>>
/** What a node does, with its types gone. */
export type Run<A> = Effect.Effect<A, unknown, unknown>

const ofDefect = "This is a fault in jiji or in a step of your own. Please report it with the lines above."
const ofNoRemedy = "This failure of a step of your own has no remedy of its own: give its error a message and a remedy."

/**
 * A failure as it is written down. A defect, which is no part of any error type, is named as what it is, with where in
 * its author's files it comes from.
 */
export const failureRecords = (cause: Cause.Cause<unknown>): ReadonlyArray<FailureRecord> =>
  cause.reasons.flatMap((reason) => {
    if (Cause.isInterruptReason(reason)) return []
    const error = Cause.isFailReason(reason) ? reason.error : reason.defect
    if (isFailure(error)) return [{ tag: error._tag, message: error.message, remedy: error.remedy }]
    const message = messageOf(error)
    if (Cause.isFailReason(reason)) return [{ tag: tagOf(error) ?? "Failure", message, remedy: ofNoRemedy }]
    return [{ tag: "Defect", message: `${message}${atPlace(placeOf(error))}`, remedy: ofDefect }]
  })

/** What a node's end says beyond how long it took. */
export type Ended = { readonly skipped?: string; readonly result?: unknown }

/**
 * Publishes the node's beginning and its end; whatever happens, there is exactly one end. `ended` is called with what
 * the node answered before an interruption can come in between.
 */
export const observed = <A>(
  kind: NodeKind,
  path: string,
  node: Run<A>,
  ended: (value: A) => Ended = () => ({})
): Run<A> =>
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

const end = <A>(kind: NodeKind, millis: number, exit: Exit.Exit<A, unknown>, ended: (value: A) => Ended): EventBody => {
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

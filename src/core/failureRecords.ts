import { Cause } from "effect"
import { locationSuffix, messageOf, sourceLocation, tagOf } from "./errorText.ts"
import type { FailureRecord } from "./Event.ts"
import { isFailure } from "./Failure.ts"

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
    return [{ tag: "Defect", message: `${message}${locationSuffix(sourceLocation(error))}`, remedy: ofDefect }]
  })

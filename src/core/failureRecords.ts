import { Cause } from "effect"
import { locationSuffix, messageOf, sourceLocation, tagOf } from "./errorText.ts"
import type { FailureRecord } from "./Event.ts"
import { isFailure } from "./Failure.ts"

const defectRemedy = "This is a bug in jiji or in one of your own steps. Please report it with the output above."
const missingRemedy = "This error comes from a step of your own. Give it a `message` and a `remedy` that explain it."

/**
 * Returns the failures of a cause in the form that events have them. A defect (an unexpected exception) gets the tag
 * `Defect`, and the file and line in the author's code that it comes from. Interruptions are left out.
 */
export const failureRecords = (cause: Cause.Cause<unknown>): ReadonlyArray<FailureRecord> =>
  cause.reasons.flatMap((reason) => {
    if (Cause.isInterruptReason(reason)) return []
    const error = Cause.isFailReason(reason) ? reason.error : reason.defect
    if (isFailure(error)) return [{ tag: error._tag, message: error.message, remedy: error.remedy }]
    const message = messageOf(error)
    if (Cause.isFailReason(reason)) return [{ tag: tagOf(error) ?? "Failure", message, remedy: missingRemedy }]
    return [{ tag: "Defect", message: `${message}${locationSuffix(sourceLocation(error))}`, remedy: defectRemedy }]
  })

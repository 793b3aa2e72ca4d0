import type { Event } from "../core/Event.ts"
import { nodeId } from "./eventLine.ts"
import type { Reporter } from "./Reporter.ts"

/** The shortest time between two progress events of a step, in milliseconds. */
const progressInterval = 10_000

interface StepState {
  reportedAt: number
  pending: Event | undefined
}

/** Passes on few of a step's progress events. Passes on the last one before the step's end. */
export const throttled = (reporter: Reporter): Reporter => {
  const running = new Map<string, StepState>()
  return {
    event(event) {
      const id = nodeId(event)
      const step = running.get(id)
      if (event._tag === "StepStarted") running.set(id, { reportedAt: event.time, pending: undefined })
      else if (event._tag === "StepProgress" && step !== undefined) {
        step.pending = event
        if (event.time - step.reportedAt < progressInterval) return
        step.reportedAt = event.time
        step.pending = undefined
      } else if ("kind" in event) {
        running.delete(id)
        if (step?.pending !== undefined) reporter.event(step.pending)
      }
      reporter.event(event)
    },
    end: () => reporter.end()
  }
}

import type { Event } from "../core/Event.ts"
import type { Reporter } from "./Reporter.ts"

/** Milliseconds between two events of a step that say how far it is. */
const seldom = 10_000

interface Step {
  said: number
  unsaid: Event | undefined
}

/** Keeps from a reporter most of what says how far a step is; the last of it comes before the step's end. */
export const throttled = (reporter: Reporter): Reporter => {
  const running = new Map<string, Step>()
  return {
    event(event) {
      const step = running.get(event.path)
      if (event._tag === "StepStarted") running.set(event.path, { said: event.time, unsaid: undefined })
      else if (event._tag === "StepProgress" && step !== undefined) {
        step.unsaid = event
        if (event.time - step.said < seldom) return
        step.said = event.time
        step.unsaid = undefined
      } else if ("kind" in event) {
        running.delete(event.path)
        if (step?.unsaid !== undefined) reporter.event(step.unsaid)
      }
      reporter.event(event)
    },
    end: () => reporter.end()
  }
}

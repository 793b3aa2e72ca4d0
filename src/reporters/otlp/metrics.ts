import { Effect, Metric } from "effect"
import type { Event } from "../../core/Event.ts"
import { parsePath } from "../eventLine.ts"

/** In seconds, from a step that does nothing to a long deploy. */
const boundaries = [0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800]

const runs = Metric.counter("jiji.runs", { description: "Number of runs", incremental: true })
const runDuration = Metric.histogram("jiji.run.duration", { description: "Duration of runs", boundaries })
const stepDuration = Metric.histogram("jiji.step.duration", { description: "Duration of steps", boundaries })
const stepBytes = Metric.counter("jiji.bytes", { description: "Bytes transferred by steps", incremental: true })

const outcomeOf = (event: Event): string => event._tag.replace(/^(?:Run|Step)/u, "").toLowerCase()

/** Updates the metrics from the events of a run. Every metric gets the `runAttributes`. */
export const countingMetrics = (runAttributes: Readonly<Record<string, string>>) => {
  const lastBytes = new Map<string, number>()
  // The exporter reads a metric's unit from the attribute `unit`, and does not remove that attribute.
  const update = <I, S>(metric: Metric.Metric<I, S>, value: I, attributes: Readonly<Record<string, string>>) =>
    Metric.update(Metric.withAttributes(metric, { ...runAttributes, ...attributes }), value)
  return (event: Event): Effect.Effect<void> => {
    switch (event._tag) {
      case "RunSucceeded":
      case "RunFailed":
      case "RunInterrupted": {
        const attributes = { pipeline: event.path, outcome: outcomeOf(event) }
        return Effect.andThen(
          update(runs, 1, attributes),
          update(runDuration, event.millis / 1000, { ...attributes, unit: "s" })
        )
      }
      case "StepSucceeded":
      case "StepSkipped":
      case "StepFailed":
      case "StepInterrupted": {
        if (event.kind !== "step") return Effect.void
        const attributes = { step: parsePath(event.path).name, outcome: outcomeOf(event), unit: "s" }
        return update(stepDuration, event.millis / 1000, attributes)
      }
      case "StepProgress": {
        const key = `${event.path} ${event.label}`
        const before = lastBytes.get(key) ?? 0
        lastBytes.set(key, event.bytes)
        const more = event.bytes < before ? event.bytes : event.bytes - before
        return update(stepBytes, more, { step: parsePath(event.path).name, unit: "By" })
      }
      default:
        return Effect.void
    }
  }
}

import { Effect, Metric } from "effect"
import type { Event } from "../../core/Event.ts"
import { parsePath } from "../eventLine.ts"

/** Seconds: from a step that does nothing to a deploy that takes long. */
const boundaries = [0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800]

const runs = Metric.counter("jiji.runs", { description: "Runs that ended", incremental: true })
const runDuration = Metric.histogram("jiji.run.duration", { description: "How long runs took", boundaries })
const stepDuration = Metric.histogram("jiji.step.duration", { description: "How long steps took", boundaries })
const carried = Metric.counter("jiji.bytes", { description: "Bytes that steps moved", incremental: true })

const outcome = (event: Event): string => event._tag.replace(/^(?:Run|Step)/u, "").toLowerCase()

/** Counts what the events of a run say. `about` tells whose run it is. */
export const countingMetrics = (about: Readonly<Record<string, string>>) => {
  const moved = new Map<string, number>()
  // The exporter takes a metric's unit from its attribute `unit`, and leaves that one there.
  const update = <I, S>(metric: Metric.Metric<I, S>, value: I, attributes: Readonly<Record<string, string>>) =>
    Metric.update(Metric.withAttributes(metric, { ...about, ...attributes }), value)
  return (event: Event): Effect.Effect<void> => {
    switch (event._tag) {
      case "RunSucceeded":
      case "RunFailed":
      case "RunInterrupted": {
        const attributes = { pipeline: event.path, outcome: outcome(event) }
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
        const attributes = { step: parsePath(event.path).name, outcome: outcome(event), unit: "s" }
        return update(stepDuration, event.millis / 1000, attributes)
      }
      case "StepProgress": {
        const key = `${event.path} ${event.label}`
        const before = moved.get(key) ?? 0
        moved.set(key, event.bytes)
        const more = event.bytes < before ? event.bytes : event.bytes - before
        return update(carried, more, { step: parsePath(event.path).name, unit: "By" })
      }
      default:
        return Effect.void
    }
  }
}

import { Effect } from "effect"
import { run } from "../pipeline/interpreter/run.ts"
import { plan } from "../steps/PlanPipeline.ts"
import type { RunInput } from "../steps/Runnable.ts"
import { RunLayers } from "./RunLayers.ts"

/** Looks at the servers and returns what a deploy would do. Shows nothing and changes nothing. */
export const lookAtPlan = Effect.fnUntraced(function* (input: RunInput) {
  const { live } = yield* RunLayers
  const { report } = yield* Effect.provide(run(plan, input), live(input.project))
  return report
})

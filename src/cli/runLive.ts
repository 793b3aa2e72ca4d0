import { Effect, Layer } from "effect"
import type { Project } from "../config/Project.ts"
import { stepLogger } from "../core/stepLogger.ts"
import { run } from "../pipeline/interpreter/run.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import type { PipelineServices } from "../steps/Runnable.ts"
import { withHooks } from "./hooks/withHooks.ts"
import { failOnUnhandledErrors } from "./process/unhandledErrors.ts"
import { type OutputOptions, RunLayers } from "./RunLayers.ts"
import { withFollowers } from "./withFollowers.ts"

/** Runs a pipeline over the live layers, with the project's hooks and the followers of every run. */
export const runLive = Effect.fnUntraced(function* <N extends { readonly project: Project }, S, E>(
  pipeline: Pipeline<N, S, E, PipelineServices>,
  input: N,
  options: OutputOptions
) {
  const { project } = input
  const { followers, hooks, live } = yield* RunLayers
  return yield* withHooks(hooks(project), (startHooks) =>
    withFollowers(
      followers(project, options),
      run(pipeline, input, live(project).pipe(Layer.provide(startHooks))).pipe(Effect.provide(stepLogger))
    )
  ).pipe(failOnUnhandledErrors)
})

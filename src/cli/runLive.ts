import { Effect, Layer } from "effect"
import type { Project } from "../config/Project.ts"
import { stepLogger } from "../core/stepLogger.ts"
import { OpenJournal } from "../pipeline/interpreter/Journal.ts"
import { run } from "../pipeline/interpreter/run.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import type { PipelineServices } from "../steps/Runnable.ts"
import { withHooks } from "./hooks/withHooks.ts"
import { failOnUnhandledErrors } from "./process/unhandledErrors.ts"
import { Resuming } from "./Resuming.ts"
import { type OutputOptions, RunLayers } from "./RunLayers.ts"
import { runJournal } from "./runJournal.ts"
import { withFollowers } from "./withFollowers.ts"

interface LiveOptions extends OutputOptions {
  /** Whether `jiji resume` can go on with the run. */
  readonly canResume?: boolean
}

/** Runs a pipeline over the live layers, with the project's hooks and the followers of every run. */
export const runLive = Effect.fnUntraced(function* <N extends { readonly project: Project }, S, E>(
  pipeline: Pipeline<N, S, E, PipelineServices>,
  input: N,
  { canResume = false, ...options }: LiveOptions
) {
  const { project } = input
  const { followers, hooks, live } = yield* RunLayers
  const resuming = yield* Resuming
  const output = resuming === undefined ? options : { json: resuming.json }
  const journal = canResume ? yield* runJournal(pipeline, project) : undefined
  return yield* withHooks(hooks(project), (startHooks) =>
    withFollowers(
      followers(project, output),
      run(pipeline, input, live(project).pipe(Layer.provide(startHooks))).pipe(
        Effect.provide(stepLogger),
        Effect.provideService(OpenJournal, journal)
      )
    )
  ).pipe(failOnUnhandledErrors)
}, Effect.scoped)

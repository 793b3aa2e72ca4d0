import { Effect, Fiber, Layer } from "effect"
import type { Project } from "../config/Project.ts"
import { Events } from "../core/Events.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import { run } from "../pipeline/interpreter/run.ts"
import type { PipelineServices } from "../steps/Runnable.ts"
import { hooked } from "./hooks/withHooks.ts"
import { stepLogger } from "../core/stepLogger.ts"
import type { RunLayers, Shown } from "./RunLayers.ts"
import { withoutStrays } from "./process/unhandledErrors.ts"

/** How long a run that has ended waits for those who follow it. */
const patience = "2 seconds"

/** Runs a pipeline before the eyes of its followers; ends when they have. */
export const show = <N extends { readonly project: Project }, S, E, R>(
  layers: RunLayers<R>,
  pipeline: Pipeline<N, S, E, PipelineServices>,
  input: N,
  shown: Shown
) =>
  hooked(layers.hooks(input.project), (begun) =>
    Effect.gen(function* () {
      const { subscribe } = yield* Events
      const fibers = yield* Effect.forEach(layers.followers(input.project, shown), (follow) =>
        Effect.flatMap(subscribe, (stream) => Effect.forkChild(follow(stream), { startImmediately: true }))
      )
      return yield* run(pipeline, input, layers.live(input.project).pipe(Layer.provide(begun))).pipe(
        Effect.provide(stepLogger),
        // The run's last event is published by now: what is made of it ends soon.
        Effect.ensuring(Effect.timeoutOption(Fiber.awaitAll(fibers), patience))
      )
    }).pipe(Effect.scoped)
  ).pipe(withoutStrays)

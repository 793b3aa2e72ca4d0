import { Effect, Fiber, Layer } from "effect"
import type { Project } from "../config/Project.ts"
import type { SecretsError } from "../layers/SecretsError.ts"
import { Events } from "../pipeline/Events.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import { run } from "../pipeline/run.ts"
import { Scrubber } from "../pipeline/Scrubber.ts"
import type { Follower } from "../reporters/Reporter.ts"
import { hooked } from "./hooks/hooked.ts"
import type { Hooks } from "./hooks/Hooks.ts"
import { hookLines } from "./hooks/rehearsal.ts"
import { logged } from "./logged.ts"
import type { Services, Used } from "../steps/Runnable.ts"
import { lines } from "../testing/DryRun.ts"
import { Recording } from "../testing/Recording.ts"

export type { Services } from "../steps/Runnable.ts"

/** How a run is shown: to a person, or to a program. */
export interface Shown {
  readonly json: boolean
}

/** What a command takes from the outside: the layers that its pipeline runs over, and who follows a run. */
export interface RunLayers<R> {
  readonly live: (project: Project) => Layer.Layer<Services, never, R>
  readonly dry: (project: Project) => Layer.Layer<Services | Recording, never, R>
  readonly followers: (project: Project, shown: Shown) => ReadonlyArray<Follower>
  /** The hooks of a project that has some. */
  readonly hooks: (project: Project) => Effect.Effect<Hooks | undefined, SecretsError, R | Events>
  readonly write: (text: string) => void
}

/** How long a run that has ended waits for those who follow it. */
const patience = "2 seconds"

/** Runs a pipeline before the eyes of its followers; ends when they have. */
export const show = <N extends { readonly project: Project }, S, E, R>(
  layers: RunLayers<R>,
  pipeline: Pipeline<N, S, E, Used>,
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
        Effect.provide(logged),
        // The run's last event is published by now: what is made of it ends soon.
        Effect.ensuring(Effect.timeoutOption(Fiber.awaitAll(fibers), patience))
      )
    }).pipe(Effect.scoped)
  )

/** Runs a pipeline over layers that only record, and prints below the heading what they recorded. */
export const rehearse = <N extends { readonly project: Project }, S, E, R>(
  layers: Pick<RunLayers<R>, "dry" | "write">,
  pipeline: Pipeline<N, S, E, Used>,
  input: N,
  heading: ReadonlyArray<string>
) =>
  Effect.gen(function* () {
    const scrubber = yield* Scrubber
    yield* run(pipeline, input)
    const { entries } = yield* Recording
    const scripts = entries.some((entry) => entry._tag === "Command" && entry.command.script !== undefined)
    const text = [
      ...heading,
      ...lines(entries),
      ...hookLines(input.project),
      ...(scripts ? ["", "jiji:NAME.sh is a script of jiji's own; `jiji script NAME` prints it."] : [])
    ]
    layers.write(scrubber.text(`${text.join("\n")}\n`))
  }).pipe(Effect.provide(layers.dry(input.project)))

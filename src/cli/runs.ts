import { Effect, Fiber, type FileSystem, type Layer, type Path, type Scope } from "effect"
import type { Project } from "../config/Project.ts"
import type { Diagnosis } from "../layers/Diagnosis.ts"
import type { Docker } from "../layers/Docker.ts"
import type { Git } from "../layers/Git.ts"
import type { LocalRegistry } from "../layers/LocalRegistry.ts"
import type { RegistryContainer } from "../layers/RegistryContainer.ts"
import type { Secrets } from "../layers/Secrets.ts"
import type { Ssh } from "../layers/Ssh.ts"
import { Events } from "../pipeline/Events.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import { run } from "../pipeline/run.ts"
import { Scrubber } from "../pipeline/Scrubber.ts"
import { feed, type Reporter } from "../reporters/Reporter.ts"
import { lines } from "../testing/DryRun.ts"
import { Recording } from "../testing/Recording.ts"

export type Services = Diagnosis | Docker | Git | LocalRegistry | RegistryContainer | Secrets | Ssh

/** What a command takes from the outside: the layers that its pipeline runs over, and how it shows a run. */
export interface RunLayers<R> {
  readonly live: (project: Project) => Layer.Layer<Services, never, R>
  readonly dry: (project: Project) => Layer.Layer<Services | Recording, never, R>
  readonly reporter: () => Reporter
  readonly write: (text: string) => void
}

/** What a command's pipeline may use. */
type Used = Services | Events | FileSystem.FileSystem | Path.Path | Scope.Scope

/** Runs a pipeline and shows it; ends when the last of it is shown. */
export const show = <N extends { readonly project: Project }, S, E, R>(
  layers: RunLayers<R>,
  pipeline: Pipeline<N, S, E, Used>,
  input: N
) =>
  Effect.gen(function* () {
    const stream = yield* (yield* Events).subscribe
    const reporter = yield* Effect.forkChild(feed(layers.reporter(), stream), { startImmediately: true })
    return yield* run(pipeline, input, layers.live(input.project)).pipe(
      // The run's last event is published by now: what is shown ends with it. A reporter that broke is no part of the run.
      Effect.ensuring(Effect.timeoutOption(Fiber.await(reporter), "2 seconds"))
    )
  }).pipe(Effect.scoped)

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
      ...(scripts ? ["", "jiji:NAME.sh is a script of jiji's own; `jiji script NAME` prints it."] : [])
    ]
    layers.write(scrubber.text(`${text.join("\n")}\n`))
  }).pipe(Effect.provide(layers.dry(input.project)))

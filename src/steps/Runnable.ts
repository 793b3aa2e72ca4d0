import type { FileSystem, Path, Scope } from "effect"
import { Duration, Effect, Layer, Result, Schema } from "effect"
import { durationFlag } from "../config/duration.ts"
import type { Diagnosis } from "../layers/diagnosis/Diagnosis.ts"
import type { ServerProxy } from "../layers/proxy/ServerProxy.ts"
import type { Docker } from "../layers/docker/Docker.ts"
import type { Git } from "../layers/git/Git.ts"
import type { LocalRegistry } from "../layers/registry/LocalRegistry.ts"
import type { RegistryContainer } from "../layers/registryContainer/RegistryContainer.ts"
import type { Secrets } from "../layers/secrets/Secrets.ts"
import type { Shell } from "../layers/shell/Shell.ts"
import type { Ssh } from "../layers/ssh/Ssh.ts"
import type { Events } from "../core/Events.ts"
import { IsDryRun } from "../core/IsDryRun.ts"
import type { Trigger } from "./Trigger.ts"
import { type Origin, origin } from "../pipeline/origin.ts"
import { type Pipeline, provide } from "../pipeline/Pipeline.ts"
import type { DuplicatePath, NoSuchNode, NotAForEach } from "../pipeline/PipelineError.ts"
import type { DeployInput } from "./DeployPipeline.ts"

/** The services that `jiji run` provides: real ones, or in a dry run ones that only record. */
export type Services =
  | Diagnosis
  | Docker
  | Git
  | LocalRegistry
  | ServerProxy
  | RegistryContainer
  | Secrets
  | Shell
  | Ssh

/** Everything a pipeline run by `jiji run` may use. */
export type PipelineServices = Services | Events | FileSystem.FileSystem | Path.Path | Scope.Scope

/** Its input beside its flags: the project, as selected by `-H` and `-S`, like for a deploy. */
export type RunInput = DeployInput

/** Values that a command line can hold. */
type Typed = string | number | boolean | undefined

type Fields = Readonly<Record<string, Schema.Codec<unknown, Typed | ReadonlyArray<Typed>>>>

/** A pipeline, or the result of editing one by its paths, which may not exist. */
type Changed<P> = P | Result.Result<P, NoSuchNode | NotAForEach | DuplicatePath>

/** Appears in the compile error if a pipeline requires a service that `jiji run` does not provide. */
interface MissingServices<Services> {
  readonly "jiji run does not provide these services: pass their layers": Services
}
type OnlyProvided<R> = [R] extends [PipelineServices] ? unknown : MissingServices<Exclude<R, PipelineServices>>

/** The schema of a flag that takes a duration, written as in deploy.yml: `30s`, `5m`, `1h30m`, `500ms`, `10 minutes`. */
export const duration = durationFlag

interface Layers<Live extends Layer.Any, Rehearsal extends Layer.Any> {
  readonly live: Live
  readonly rehearsal: Rehearsal
}

/** Appears in the compile error if the layers for rehearsals lack a service that the live ones provide. */
interface MissingInRehearsal<Services> {
  readonly "the layers for rehearsals must also provide these services": Services
}
type SameServices<Live, Rehearsal> = [Live] extends [Rehearsal] ? unknown : MissingInRehearsal<Exclude<Live, Rehearsal>>

/** Provides one layer or the other, depending on whether it is a dry run. */
const provideLayers = ({ live, rehearsal }: Layers<Layer.Any, Layer.Any>) =>
  // Layer.Any is the type of every layer, without the members of one.
  provide(Layer.unwrap(Effect.map(IsDryRun, (isDryRun) => (isDryRun ? rehearsal : live) as Layer.Layer<never>)))

/** What `jiji serve` does with a run while another one with the same key is queued, running or waiting. */
type WhenBusy = "queue" | "replace" | "refuse"

/** How `jiji serve` runs a pipeline. `jiji run` ignores it. */
interface Serving<Input> {
  /**
   * Runs of the project with the same key run one after another; by default, all do. While there is another one, a new run waits
   * for it (`queue`, the default), takes the place of those that are queued or waiting (`replace`), or is refused (`refuse`).
   */
  readonly concurrency?: { readonly key?: string | ((input: Input) => string); readonly whenBusy?: WhenBusy }
  /** How long each attempt of a run may run. Time in which it is queued or waits does not count. */
  readonly timeLimit?: Duration.Input
  /** How often a failed run is tried again, and the pause before the first time (10 seconds). Each further one is twice as long. */
  readonly retries?: { readonly times: number; readonly delay?: Duration.Input }
}

/** What `jiji run FILE` runs: the file's default export. */
export interface Runnable {
  readonly _tag: "Runnable"
  readonly "~origin": Origin
  readonly description: string
  readonly flags: Schema.Struct<Fields>
  readonly pipeline: Changed<Pipeline<never, unknown, unknown, PipelineServices>>
  readonly concurrency?: { readonly key?: string | ((input: never) => string); readonly whenBusy?: WhenBusy }
  readonly timeLimit?: Duration.Duration
  readonly retries?: { readonly times: number; readonly delay: Duration.Duration }
  readonly on: ReadonlyArray<Trigger>
}

interface Options<F extends Fields, R> extends Serving<Schema.Struct<F>["Type"]> {
  readonly description: string
  readonly flags?: Schema.Struct<F>
  readonly pipeline: Changed<Pipeline<RunInput & Schema.Struct<F>["Type"], unknown, unknown, R>>
  readonly on?: ReadonlyArray<Trigger>
}

/**
 * The checks are part of the types of the layers: elsewhere, TypeScript would make them before it knows the layers. The
 * compile error for missing layers shows the sentence.
 */
// oxlint-disable-next-line no-unused-vars -- see above
interface LayersFor<Sentence extends string, R, Live extends Layer.Any, Rehearsal extends Layer.Any> {
  /** What a live run uses. */
  readonly live: Live & OnlyProvided<Exclude<R, Layer.Success<Live>> | Layer.Services<Live>>
  /** What `--dry-run` uses. It must change nothing. */
  readonly rehearsal: Rehearsal &
    OnlyProvided<Layer.Services<Rehearsal>> &
    SameServices<Layer.Success<Live>, Layer.Success<Rehearsal>>
}

/**
 * Turns a pipeline into a command. `flags` describes what it needs beyond a {@link RunInput}: each field becomes a flag
 * with the field's name in kebab-case, its type, `description` and default. `description` is its line in `jiji list`.
 *
 * `layers` has the services of your own that its steps and handlers use: the live ones, and those for `--dry-run`. They are
 * built when the run starts and released at its end.
 *
 * `on` has the triggers that start it in `jiji serve`, such as `Trigger.cron("0 3 * * *")`.
 * `concurrency`, `timeLimit` and `retries` say how `jiji serve` runs it.
 *
 * It does not compile if the pipeline needs more input than that, or a service that neither `jiji run` nor `layers` provides.
 */
export const make: {
  <const F extends Fields = {}, R = PipelineServices>(
    options: Options<F, R> & { readonly layers?: undefined } & OnlyProvided<R>
  ): Runnable
  <R, Live extends Layer.Any, Rehearsal extends Layer.Any, const F extends Fields = {}>(
    options: Options<F, R> & {
      readonly layers: LayersFor<"jiji run does not provide these services: pass their layers", R, Live, Rehearsal>
    }
  ): Runnable
} = (options: Options<{}, unknown> & { readonly layers?: Layers<Layer.Any, Layer.Any> | undefined }): Runnable => {
  const { concurrency, layers, pipeline, retries, timeLimit } = options
  const provided =
    layers === undefined
      ? pipeline
      : Result.isResult(pipeline)
        ? Result.map(pipeline, provideLayers(layers))
        : provideLayers(layers)(pipeline)
  return {
    _tag: "Runnable",
    "~origin": origin,
    description: options.description,
    // Only the signature needs the fields' types.
    flags: (options.flags ?? Schema.Struct({})) as Schema.Struct<Fields>,
    // `OnlyProvided` ensures that it requires no other services.
    pipeline: provided as Runnable["pipeline"],
    ...(concurrency !== undefined && { concurrency }),
    ...(timeLimit !== undefined && { timeLimit: Duration.fromInputUnsafe(timeLimit) }),
    ...(retries !== undefined && {
      retries: { times: retries.times, delay: Duration.fromInputUnsafe(retries.delay ?? "10 seconds") }
    }),
    on: options.on ?? []
  }
}

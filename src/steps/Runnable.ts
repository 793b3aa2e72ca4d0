import type { FileSystem, Path, Scope } from "effect"
import { Effect, Layer, Result, Schema } from "effect"
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

/** What `jiji run FILE` runs: the file's default export. */
export interface Runnable {
  readonly _tag: "Runnable"
  readonly "~origin": Origin
  readonly description: string
  readonly flags: Schema.Struct<Fields>
  readonly pipeline: Changed<Pipeline<never, unknown, unknown, PipelineServices>>
  readonly on: ReadonlyArray<Trigger>
}

interface Options<F extends Fields, R> {
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
  const { layers, pipeline } = options
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
    on: options.on ?? []
  }
}

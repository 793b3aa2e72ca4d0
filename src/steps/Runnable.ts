import type { FileSystem, Path, Scope } from "effect"
import { Result, Schema } from "effect"
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
import { type Origin, origin } from "../pipeline/origin.ts"
import type { Pipeline } from "../pipeline/Pipeline.ts"
import type { DuplicatePath, NoSuchNode } from "../pipeline/PipelineError.ts"
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
type Changed<P> = P | Result.Result<P, NoSuchNode | DuplicatePath>

/** Appears in the compile error if a pipeline requires a service that `jiji run` does not provide. */
interface MissingServices<Services> {
  readonly "jiji run does not provide these services; provide their layers in the steps": Services
}
type OnlyProvided<R> = [R] extends [PipelineServices] ? unknown : MissingServices<Exclude<R, PipelineServices>>

/** The schema of a flag that takes a duration, written as in deploy.yml: `30s`, `5m`, `1h30m`, `500ms`, `10 minutes`. */
export const duration = durationFlag

/** What `jiji run FILE` runs: the file's default export. */
export interface Runnable {
  readonly _tag: "Runnable"
  readonly "~origin": Origin
  readonly description: string
  readonly flags: Schema.Struct<Fields>
  readonly pipeline: Changed<Pipeline<never, unknown, unknown, PipelineServices>>
}

/**
 * Turns a pipeline into a command. `flags` describes what it needs beyond a {@link RunInput}: each field becomes a flag
 * with the field's name in kebab-case, its type, `description` and default. `description` is its line in `jiji list`.
 *
 * It does not compile if the pipeline needs more input than that, or a service that `jiji run` does not provide.
 */
export const make = <const F extends Fields = {}, R = PipelineServices>(
  options: {
    readonly description: string
    readonly flags?: Schema.Struct<F>
    readonly pipeline: Changed<Pipeline<RunInput & Schema.Struct<F>["Type"], unknown, unknown, R>>
  } & OnlyProvided<R>
): Runnable => ({
  _tag: "Runnable",
  "~origin": origin,
  description: options.description,
  // Only the signature needs the fields' types.
  flags: (options.flags ?? Schema.Struct({})) as Schema.Struct<Fields>,
  // `OnlyProvided` ensures that it requires no other services.
  pipeline: options.pipeline as Runnable["pipeline"]
})

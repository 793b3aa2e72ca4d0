import type { FileSystem, Path, Scope } from "effect"
import { Result, Schema } from "effect"
import { durationFlag } from "../config/duration.ts"
import type { Diagnosis } from "../layers/diagnosis/Diagnosis.ts"
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

/** The services that jiji gives to what it runs: real ones, and in a rehearsal such as only record. */
export type Services = Diagnosis | Docker | Git | LocalRegistry | RegistryContainer | Secrets | Shell | Ssh

/** All that a pipeline may use that `jiji run` runs. */
export type PipelineServices = Services | Events | FileSystem.FileSystem | Path.Path | Scope.Scope

/** What it begins with, beside its flags: the project that deploy.yml and `-H` and `-S` leave, as a deploy does. */
export type RunInput = DeployInput

/** What can be typed on a command line. */
type Typed = string | number | boolean | undefined

type Fields = Readonly<Record<string, Schema.Codec<unknown, Typed | ReadonlyArray<Typed>>>>

/** A pipeline, or one that was changed by its paths, which may not have those. */
type Changed<P> = P | Result.Result<P, NoSuchNode | DuplicatePath>

/** A flag of a duration, as deploy.yml takes them: `30s`, `5m`, `1h30m`, `500ms`, `10 minutes`. */
export const duration = durationFlag

/** What `jiji run FILE` runs: the default export of the file. */
export interface Runnable {
  readonly _tag: "Runnable"
  readonly "~origin": Origin
  readonly description: string
  readonly flags: Schema.Struct<Fields>
  readonly pipeline: Changed<Pipeline<never, unknown, unknown, PipelineServices>>
}

/**
 * Makes a command of a pipeline. `flags` describes what it needs beyond a {@link RunInput}: each field is a flag of its
 * name in kebab-case, with the field's type, `description` and default. `description` is its line in `jiji list`.
 *
 * A pipeline that needs more than these give, or a service that `jiji run` does not have, does not compile.
 */
export const make = <const F extends Fields = {}>(options: {
  readonly description: string
  readonly flags?: Schema.Struct<F>
  readonly pipeline: Changed<Pipeline<RunInput & Schema.Struct<F>["Type"], unknown, unknown, PipelineServices>>
}): Runnable => ({
  _tag: "Runnable",
  "~origin": origin,
  description: options.description,
  // What the fields are is for the signature alone.
  flags: (options.flags ?? Schema.Struct({})) as Schema.Struct<Fields>,
  pipeline: options.pipeline
})

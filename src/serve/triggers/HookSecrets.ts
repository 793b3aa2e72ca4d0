import { Context, type Effect, type Redacted, Schema } from "effect"
import { defineError } from "../../core/defineError.ts"

/** The secret of a trigger cannot be read. */
export class HookSecretMissing extends defineError<HookSecretMissing>()("HookSecretMissing", {
  fields: { name: Schema.String, detail: Schema.String },
  message: (e) => `Cannot verify deliveries without the secret ${e.name}: ${e.detail}`,
  remedy: (e) => `Add ${e.name}=… to the project's .env, or to the environment of jiji serve.`,
  exitCode: "configuration",
  sample: { name: "WEBHOOK_SECRET", detail: "The secret WEBHOOK_SECRET is missing; jiji looked in .env." }
}) {}

/** The secrets that deliveries are verified with. */
export class HookSecrets extends Context.Service<
  HookSecrets,
  {
    /** The secret of this name of the project in a folder, as the project's runs find it. */
    resolve(folder: string, name: string): Effect.Effect<Redacted.Redacted<string>, HookSecretMissing>
    /** Why a secret cannot be read, without reading it. */
    findProblem(folder: string, name: string): Effect.Effect<string | undefined>
    /** Removes the secrets that were read before from plain data. */
    scrub<A>(value: A): A
  }
>()("jiji/serve/HookSecrets") {}

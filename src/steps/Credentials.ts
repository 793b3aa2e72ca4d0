import { Effect, Redacted, Schema } from "effect"
import type { Project, RemoteRegistryConfig, SecretRef } from "../config/Project.ts"
import { secretNames } from "../config/secretNames.ts"
import type { Credentials } from "../layers/docker/Docker.ts"
import { Secrets } from "../layers/secrets/Secrets.ts"
import { defineError } from "../core/defineError.ts"
import * as Step from "../pipeline/Step.ts"

/** A login needs a username and a password, and deploy.yml does not set them. */
export class CredentialsMissing extends defineError<CredentialsMissing>()("CredentialsMissing", {
  fields: { server: Schema.String },
  message: (e) => `deploy.yml has no username and password for ${e.server}.`,
  remedy:
    "Add `username` and `password` under `builder.registry`; the password may be the name of a secret, such as GITHUB_TOKEN.",
  exitCode: "configuration",
  sample: { server: "ghcr.io" }
}) {}

/**
 * The registry's username. One that deploy.yml spells out is no secret, and often an ordinary word such as `deploy`:
 * scrubbing it would garble the output.
 */
export const usernameOf = Effect.fnUntraced(function* (username: SecretRef) {
  return Redacted.value(username._tag === "Literal" ? username.value : yield* (yield* Secrets).value(username))
})

/** The credentials for the project's remote registry; undefined if deploy.yml has none. */
export const credentialsOf = Effect.fnUntraced(function* ({ password, server, username }: RemoteRegistryConfig) {
  if (username === undefined || password === undefined) return undefined
  const user = yield* usernameOf(username)
  const credentials: Credentials = {
    server,
    username: user,
    password: yield* (yield* Secrets).value(password, user)
  }
  return credentials
})

/** Finds the registry's credentials, and every other secret needed to log in on the servers. */
export const step = Step.make(
  "credentials",
  Effect.fnUntraced(function* (state: { readonly project: Project; readonly registry: RemoteRegistryConfig }) {
    const { project, registry } = state
    // All at once, so that the error lists every missing secret.
    yield* (yield* Secrets).resolve(secretNames({ ...project, services: [], hooks: [] }))
    const credentials = yield* credentialsOf(registry)
    if (credentials === undefined) return yield* new CredentialsMissing({ server: registry.server })
    return { credentials }
  })
)

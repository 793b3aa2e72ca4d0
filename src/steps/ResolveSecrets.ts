import { Effect, type Redacted } from "effect"
import type { Project, SecretRef } from "../config/Project.ts"
import { Secrets } from "../layers/Secrets.ts"
import * as Step from "../pipeline/Step.ts"

const named = (ref: SecretRef | undefined): ReadonlyArray<string> => (ref?._tag === "Name" ? [ref.name] : [])

/** The names of all secrets that a deploy of the project needs. */
export const needed = (project: Project): ReadonlyArray<string> => {
  const registry = project.registry.type === "remote" ? [project.registry.username, project.registry.password] : []
  return [
    ...new Set([
      ...registry.flatMap(named),
      ...project.servers.flatMap((server) => named(server.passphrase)),
      ...project.services.flatMap((service) => service.environment.secrets)
    ])
  ]
}

/** Finds every secret that the run needs before anything is touched, or says which ones are missing. */
export const step = Step.make(
  "secrets",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    const names = needed(project)
    const none: ReadonlyMap<string, Redacted.Redacted<string>> = new Map()
    if (names.length === 0) return Step.skip("none is used", { secrets: none })
    return { secrets: yield* (yield* Secrets).resolve(names) }
  })
)

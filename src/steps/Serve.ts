import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import { LocalRegistry } from "../layers/LocalRegistry.ts"
import * as Step from "../pipeline/Step.ts"

/** Keeps the local registry open, on this machine's loopback, until the pipeline ends. */
export const step = Step.make(
  "serve",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    const none: { readonly served?: { readonly port: number } } = {}
    if (project.registry.type === "remote") return Step.skip(`servers pull from ${project.registry.server}`, none)
    return { served: yield* (yield* LocalRegistry).serve({ port: project.registry.port }) }
  })
)

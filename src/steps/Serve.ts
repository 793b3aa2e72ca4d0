import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import { LocalRegistry } from "../layers/LocalRegistry.ts"
import * as Step from "../pipeline/Step.ts"

/** Keeps the local registry open, on this machine's loopback, until the pipeline ends. */
export const step = Step.make(
  "serve",
  Effect.fnUntraced(function* (state: { readonly project: Project; readonly images: ReadonlyArray<unknown> }) {
    const { images, project } = state
    const none: { readonly served?: { readonly port: number } } = {}
    if (project.registry.type === "remote") return Step.skip(`servers pull from ${project.registry.server}`, none)
    if (images.length === 0) return Step.skip("no service is built", none)
    return { served: yield* (yield* LocalRegistry).serve({ port: project.registry.port }) }
  })
)

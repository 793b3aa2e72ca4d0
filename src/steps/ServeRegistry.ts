import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import { LocalRegistry, type Served } from "../layers/registry/LocalRegistry.ts"
import * as Step from "../pipeline/Step.ts"
import type { PushedImage } from "./Push.ts"

/** Keeps the images of this run, and no others, open in the local registry, on this machine's loopback, until the pipeline ends. */
export const step = Step.make(
  "serve",
  Effect.fnUntraced(function* (state: { readonly project: Project; readonly images: ReadonlyArray<PushedImage> }) {
    const { images, project } = state
    const none: { readonly served?: Served } = {}
    if (project.registry.type === "remote") return Step.skip(`servers pull from ${project.registry.server}`, none)
    if (images.length === 0) return Step.skip("no service is built", none)
    const { container, port } = project.registry
    const only = new Set(images.map(({ digest }) => digest))
    // The container takes whatever is pushed to it, which no server may do.
    const source = container === undefined ? { port } : { port: 0, from: port }
    return { served: yield* (yield* LocalRegistry).serve({ ...source, only }) }
  })
)

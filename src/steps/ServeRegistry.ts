import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import { LocalRegistry, type Served } from "../layers/registry/LocalRegistry.ts"
import * as Step from "../pipeline/Step.ts"
import type { PushedImage } from "./Push.ts"

/** A registry that is being served. */
export interface ServedRegistry extends Served {
  /** Repairs a damaged image. Absent if the registry is a container. */
  readonly repair?: LocalRegistry["Service"]["repair"]
}

/** Serves this run's images, and no others, from the local registry on this machine's loopback, until the pipeline ends. */
export const step = Step.make(
  "serve",
  Effect.fnUntraced(function* (state: { readonly project: Project; readonly images: ReadonlyArray<PushedImage> }) {
    const { images, project } = state
    const none: { readonly served?: ServedRegistry } = {}
    if (project.registry.type === "remote") return Step.skip(`servers pull from ${project.registry.server}`, none)
    if (images.length === 0) return Step.skip("no service is built", none)
    const { container, port } = project.registry
    const only = new Set(images.map(({ digest }) => digest))
    const registry = yield* LocalRegistry
    if (container === undefined) {
      const served: ServedRegistry = { ...(yield* registry.serve({ port, only })), repair: registry.repair }
      return { served }
    }
    // Servers must not push. The container would accept it, so they reach it through a read-only front.
    const served: ServedRegistry = yield* registry.serve({ port: 0, from: port, only })
    return { served }
  })
)

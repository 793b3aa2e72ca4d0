import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import { Docker } from "../layers/docker/Docker.ts"
import { LocalRegistry, type Served } from "../layers/registry/LocalRegistry.ts"
import type { ImageCorrupted, StoreBusy, StoreFailed } from "../layers/registry/RegistryError.ts"
import { RegistryContainer } from "../layers/registryContainer/RegistryContainer.ts"
import type { RegistryContainerCorrupted } from "../layers/registryContainer/RegistryContainerError.ts"
import * as Step from "../pipeline/Step.ts"
import { builderOf } from "./builder.ts"
import { type PushedImage, pushWith } from "./Push.ts"

/** A registry that is being served. */
export interface ServedRegistry extends Served {
  /** Repairs a damaged image. Returns the digests of what was repaired since the run began; none if nothing was damaged. */
  readonly repair?: (
    image: PushedImage
  ) => Effect.Effect<ReadonlyArray<string>, ImageCorrupted | RegistryContainerCorrupted | StoreBusy | StoreFailed>
}

/** Serves this run's images, and no others, from the local registry on this machine's loopback, until the pipeline ends. */
export const step = Step.make(
  "serve",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly images: ReadonlyArray<PushedImage>
    readonly proxyImage?: PushedImage
  }) {
    const { project, proxyImage } = state
    const images = [...state.images, ...(proxyImage === undefined ? [] : [proxyImage])]
    const none: { readonly served?: ServedRegistry } = {}
    if (project.registry.type === "remote") return Step.skip(`servers pull from ${project.registry.server}`, none)
    if (images.length === 0) return Step.skip("no service is built", none)
    const { container, port } = project.registry
    const { engine } = project
    const on = builderOf(project)
    const only = new Set(
      images.flatMap(({ digest, platforms = [] }) => [digest, ...platforms.flatMap((each) => each.digest ?? [])])
    )
    const registry = yield* LocalRegistry
    const docker = yield* Docker
    if (container === undefined) {
      const served: ServedRegistry = {
        ...(yield* registry.serve({ port, only })),
        repair: Effect.fnUntraced(function* ({ digest, imageId, platforms, reference, version: tag }) {
          const target = { repository: reference.path, tag }
          if (platforms === undefined) {
            if (imageId === undefined) return []
            return yield* registry.repair({ ...target, digest, imageId, archive: docker.save(engine, reference, on) })
          }
          const parts = platforms.flatMap(({ digest, imageId, ...each }) =>
            digest === undefined || imageId === undefined ? [] : [{ ...each, digest, imageId }]
          )
          const repaired = yield* Effect.forEach(parts, ({ digest, imageId, platform, reference }) =>
            registry.repair({ ...target, digest, imageId, platform, archive: docker.save(engine, reference, on) })
          )
          const { wasReplaced } = yield* registry.addIndex({ ...target, images: parts })
          return [...repaired.flat(), ...(wasReplaced ? [digest] : [])]
        })
      }
      return { served }
    }
    const containers = yield* RegistryContainer
    // Servers must not push. The container would accept it, so they reach it through a read-only front.
    const served: ServedRegistry = {
      ...(yield* registry.serve({ port: 0, from: port, only })),
      repair: ({ digest, platforms, reference }) => {
        const push = pushWith(docker, { engine, reference, verify: false }, platforms)
        return containers.repair({ engine, port, repository: reference.path, digest, push })
      }
    }
    return { served }
  })
)

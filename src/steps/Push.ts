import { Effect, Option, Schema, Stream } from "effect"
import type { Project, Service } from "../config/Project.ts"
import { type Credentials, Docker } from "../layers/docker/Docker.ts"
import { LocalRegistry } from "../layers/registry/LocalRegistry.ts"
import { Events } from "../core/Events.ts"
import * as Step from "../pipeline/Step.ts"
import type { BuiltImage } from "./Build.ts"
import { reported, watched } from "./progress.ts"

/** An image that servers can pull, and what it is made of. */
export const PushedImage = Schema.Struct({
  service: Schema.String,
  repository: Schema.String,
  /** `REPOSITORY:VERSION`: what it is tagged on every server. */
  reference: Schema.String,
  version: Schema.String,
  /** What is pulled, compared and run. */
  digest: Schema.String,
  architecture: Schema.String,
  /** Bytes of all of it, and of what the registry did not have yet; not known of a remote registry. */
  size: Schema.optionalKey(Schema.Int),
  added: Schema.optionalKey(Schema.Int)
})
export type PushedImage = typeof PushedImage.Type

/** Gives a built image to the project's registry: imports it into the local one, or pushes it. */
export const step = Step.make(
  "push",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly service: Service
    readonly version: string
    readonly built: BuiltImage
    readonly credentials?: Credentials
  }) {
    const { project, service, version } = state
    const { image, reference, repository } = state.built
    const about = { service: service.name, repository, reference, version, architecture: image.architecture }
    const docker = yield* Docker
    if (project.registry.type === "remote" || project.registry.container !== undefined) {
      const { moved, progress } = reported("pushed")
      const { credentials } = state
      const access = project.registry.type === "local" ? { verify: false } : { ...(credentials && { credentials }) }
      const digest = yield* watched(progress, docker.push({ engine: project.engine, reference, moved, ...access }))
      const pushed: PushedImage = { ...about, digest }
      return { pushed }
    }
    const registry = yield* LocalRegistry
    const target = {
      imageId: image.id,
      repository: repository.slice(repository.indexOf("/") + 1),
      tag: version,
      retain: service.retain
    }
    const found = yield* registry.find(target)
    if (Option.isSome(found)) {
      const { digest, size } = found.value
      const pushed: PushedImage = { ...about, digest, size, added: 0 }
      return Step.skip("the registry has this image", { pushed })
    }
    let read = 0
    const archive = Stream.map(docker.save(project.engine, reference), (bytes) => {
      read += bytes.length
      return bytes
    })
    const { added, digest, size } = yield* watched(
      { label: "read", amount: Effect.sync(() => ({ bytes: read, total: image.size })) },
      registry.add({ ...target, archive })
    )
    yield* (yield* Events).publish({ _tag: "StepProgress", label: "new", bytes: added, total: size })
    const pushed: PushedImage = { ...about, digest, size, added }
    return { pushed }
  }),
  { result: Schema.Struct({ pushed: PushedImage }) }
)

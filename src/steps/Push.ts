import { Effect, Option, Schema } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { Project, Service } from "../config/Project.ts"
import { type Credentials, Docker } from "../layers/docker/Docker.ts"
import { LocalRegistry } from "../layers/registry/LocalRegistry.ts"
import { RegistryContainer } from "../layers/registryContainer/RegistryContainer.ts"
import * as Step from "../pipeline/Step.ts"
import type { BuiltImage } from "./Build.ts"

/** An image that servers can pull. */
export const PushedImage = Schema.Struct({
  service: Schema.String,
  repository: Schema.String,
  /** `REPOSITORY:VERSION`: its name on every server. */
  reference: ImageReference.FromString,
  version: Schema.String,
  /** What servers pull, compare and run. */
  digest: Schema.String,
  /** The image's id in the engine that built it. Only for the local registry. */
  imageId: Schema.optionalKey(Schema.String),
  architecture: Schema.String,
  /** Bytes of the image, and of what the registry did not have yet. Unknown for a remote registry. */
  size: Schema.optionalKey(Schema.Int),
  added: Schema.optionalKey(Schema.Int)
})
export type PushedImage = typeof PushedImage.Type

interface State {
  readonly project: Project
  readonly service: Pick<Service, "name" | "retain">
  readonly version: string
  readonly built: BuiltImage
  readonly credentials?: Credentials
}

/** Pushes an image of this machine to the project's registry, or imports it into the local one. Returns a skip if the local registry has it. */
export const pushImage = Effect.fnUntraced(function* (state: State) {
  const { project, service, version } = state
  const { image, reference } = state.built
  const repository = ImageReference.repositoryOf(reference)
  const about = { service: service.name, repository, reference, version, architecture: image.architecture }
  const docker = yield* Docker
  if (project.registry.type === "remote") {
    const { credentials } = state
    const digest = yield* docker.push({ engine: project.engine, reference, ...(credentials && { credentials }) })
    const pushed: PushedImage = { ...about, digest }
    return { pushed }
  }
  const alias = `${project.name}/${service.name}`.toLowerCase()
  if (project.registry.container !== undefined) {
    const digest = yield* docker.push({ engine: project.engine, reference, verify: false })
    const { port } = project.registry
    const named = { port, repository: reference.path, digest, alias, tag: version }
    yield* (yield* RegistryContainer).addAlias(named)
    const pushed: PushedImage = { ...about, digest }
    return { pushed }
  }
  const registry = yield* LocalRegistry
  const imported = { ...about, imageId: image.id }
  const target = {
    imageId: image.id,
    repository: reference.path,
    tag: version,
    alias,
    retain: service.retain
  }
  const found = yield* registry.find(target)
  if (Option.isSome(found)) {
    const { digest, size } = found.value
    const pushed: PushedImage = { ...imported, digest, size, added: 0 }
    return Step.skip("the registry already has this image", { pushed })
  }
  const archive = docker.save(project.engine, reference)
  const { added, digest, size } = yield* registry.add({ ...target, archive, expectedBytes: image.size })
  const pushed: PushedImage = { ...imported, digest, size, added }
  return { pushed }
})

/** Pushes a built image to the project's registry, or imports it into the local one. */
export const step = Step.make("push", (state: State) => pushImage(state), {
  result: Schema.Struct({ pushed: PushedImage })
})

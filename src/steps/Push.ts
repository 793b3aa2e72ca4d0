import { Effect, Option, Schema } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { Project, Service } from "../config/Project.ts"
import { type Credentials, Docker, type PushOptions } from "../layers/docker/Docker.ts"
import { LocalRegistry } from "../layers/registry/LocalRegistry.ts"
import { RegistryContainer } from "../layers/registryContainer/RegistryContainer.ts"
import * as Step from "../pipeline/Step.ts"
import type { BuiltImage } from "./Build.ts"
import { builderOf } from "./builder.ts"

/** An image for one of several platforms. */
const PushedPlatform = Schema.Struct({
  /** Such as `linux/arm64`. */
  platform: Schema.String,
  architecture: Schema.String,
  /** Its name on the machine that built it. */
  reference: ImageReference.FromString,
  /** The image's id in the engine that built it, and the digest of its manifest. Only for the local registry. */
  imageId: Schema.optionalKey(Schema.String),
  digest: Schema.optionalKey(Schema.String)
})
export type PushedPlatform = typeof PushedPlatform.Type

/** An image that servers can pull. */
export const PushedImage = Schema.Struct({
  service: Schema.String,
  repository: Schema.String,
  /** `REPOSITORY:VERSION`: its name on every server. */
  reference: ImageReference.FromString,
  version: Schema.String,
  /** What servers pull, compare and run. With several platforms, the digest of their index. */
  digest: Schema.String,
  /** The image's id in the engine that built it. Only for the local registry. */
  imageId: Schema.optionalKey(Schema.String),
  /** With several platforms, the first one's. */
  architecture: Schema.String,
  /** Bytes of the image, and of what the registry did not have yet. Unknown for a remote registry. */
  size: Schema.optionalKey(Schema.Int),
  added: Schema.optionalKey(Schema.Int),
  /** Absent unless the image is for several platforms. */
  platforms: Schema.optionalKey(Schema.Array(PushedPlatform))
})
export type PushedImage = typeof PushedImage.Type

interface State {
  readonly project: Project
  readonly service: Pick<Service, "name" | "retain">
  readonly version: string
  readonly built: BuiltImage
  readonly credentials?: Credentials
}

/** Pushes an image, or all of its platforms and their index. Returns the digest that servers pull. */
export const pushWith = (
  docker: Docker["Service"],
  options: PushOptions,
  platforms: ReadonlyArray<Pick<PushedPlatform, "reference">> | undefined
) =>
  platforms === undefined
    ? docker.push(options)
    : docker.pushIndex({ ...options, images: platforms.map(({ reference }) => reference) })

/** Pushes an image of the builder to the project's registry, or imports it into the local one. Returns a skip if the local registry has it. */
export const pushImage = Effect.fnUntraced(function* (state: State) {
  const { project, service, version } = state
  const { image, platforms, reference } = state.built
  const { engine } = project
  const about = {
    service: service.name,
    repository: ImageReference.repositoryOf(reference),
    reference,
    version,
    architecture: image.architecture
  }
  const described = platforms?.map(({ image: { architecture }, platform, reference }) => ({
    platform,
    architecture,
    reference
  }))
  const docker = yield* Docker
  const on = builderOf(project)
  if (project.registry.type === "remote" || project.registry.container !== undefined) {
    const { credentials } = state
    const login = project.registry.type === "remote" ? credentials && { credentials } : { verify: false }
    const digest = yield* pushWith(docker, { engine, on, reference, ...login }, platforms)
    const pushed: PushedImage = { ...about, digest, ...(described && { platforms: described }) }
    if (project.registry.type === "remote") return { pushed }
    const named = {
      port: project.registry.port,
      repository: reference.path,
      digest,
      alias: aliasOf(state),
      tag: version
    }
    yield* (yield* RegistryContainer).addAlias(named)
    return { pushed }
  }
  const registry = yield* LocalRegistry
  const target = { repository: reference.path, tag: version, alias: aliasOf(state), retain: service.retain }

  /** Imports an image, unless the store has it. */
  const store = Effect.fnUntraced(function* ({
    image,
    reference,
    ...platform
  }: Pick<BuiltImage, "image" | "reference"> & { readonly platform?: string }) {
    const each = { ...target, ...platform, imageId: image.id }
    const found = yield* registry.find(each)
    if (Option.isSome(found)) return { ...found.value, added: 0, isNew: false }
    const archive = docker.save(engine, reference, on)
    return { ...(yield* registry.add({ ...each, archive, expectedBytes: image.size })), isNew: true }
  })

  if (platforms === undefined) {
    const { added, digest, isNew, size } = yield* store({ image, reference })
    const pushed: PushedImage = { ...about, imageId: image.id, digest, size, added }
    return isNew ? { pushed } : Step.skip("the registry already has this image", { pushed })
  }
  const stored = yield* Effect.forEach(platforms, (each) =>
    Effect.map(store(each), (found) => ({ ...found, each, platform: each.platform }))
  )
  const { digest, size } = yield* registry.addIndex({ ...target, images: stored })
  const pushed: PushedImage = {
    ...about,
    digest,
    size,
    added: stored.reduce((bytes, { added }) => bytes + added, 0),
    platforms: stored.map(({ digest, each: { image, platform, reference } }) => ({
      platform,
      architecture: image.architecture,
      reference,
      imageId: image.id,
      digest
    }))
  }
  return stored.some(({ isNew }) => isNew) ? { pushed } : Step.skip("the registry already has this image", { pushed })
})

/** Pushes a built image to the project's registry, or imports it into the local one. */
export const step = Step.make("push", (state: State) => pushImage(state), {
  result: Schema.Struct({ pushed: PushedImage })
})

/** The image's other name in the local registry. */
const aliasOf = ({ project, service }: Pick<State, "project" | "service">): string =>
  `${project.name}/${service.name}`.toLowerCase()

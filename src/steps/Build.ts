import { Effect, type Redacted, Schema } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { BuildSource, Project, Server, Service } from "../config/Project.ts"
import { contextArchive } from "../layers/context/archive.ts"
import { Docker } from "../layers/docker/Docker.ts"
import * as Step from "../pipeline/Step.ts"

/** A service whose image jiji builds. */
export type BuiltService = Service & { readonly source: BuildSource }

/** Whether jiji builds the service's image. */
export const isBuilt = (service: Service): service is BuiltService => service.source._tag === "Build"

/** What the builder knows about an image. */
const InspectedImage = Schema.Struct({
  id: Schema.String,
  architecture: Schema.String,
  size: Schema.Int,
  repoDigests: Schema.Array(Schema.String),
  volumes: Schema.optionalKey(Schema.Array(Schema.String))
})

/** An image of the builder for one of several platforms. Its tag is the version and the platform. */
const BuiltPlatform = Schema.Struct({
  platform: Schema.String,
  image: InspectedImage,
  reference: ImageReference.FromString
})
export type BuiltPlatform = typeof BuiltPlatform.Type

/** An image of the machine that builds. */
export const BuiltImage = Schema.Struct({
  /** With several platforms, the first one's. */
  image: InspectedImage,
  /** Its name on every machine, with the version as its tag. */
  reference: ImageReference.FromString,
  /** Absent unless the image is for several platforms. */
  platforms: Schema.optionalKey(Schema.Array(BuiltPlatform))
})
export type BuiltImage = typeof BuiltImage.Type

/**
 * The platforms that a service is built for: its own, or those of its servers. None if deploy.yml names none, which means
 * the engine's own.
 */
export const platformsOf = ({ servers }: Pick<Project, "servers">, service: BuiltService): ReadonlyArray<string> => {
  const { platforms } = service.source
  if (platforms !== undefined) return platforms
  const own = servers.filter(({ name }) => service.hosts.includes(name))
  return [...new Set(own.flatMap(({ arch }) => (arch === undefined ? [] : [`linux/${arch}`])))]
}

/** The server that builds, and the files that it gets. */
const remoteBuild = Effect.fnUntraced(function* ({ engine }: Project, server: Server, { name, source }: BuiltService) {
  const files = yield* contextArchive({ engine, service: name, source })
  return { server, files }
})

/** Builds the image of a service, under the name it has in the project's registry. With several platforms, one for each. */
export const step = Step.make(
  "build",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly service: BuiltService
    readonly version: string
    readonly username?: string
    /** The values of the secrets that builds use. */
    readonly secrets?: ReadonlyMap<string, Redacted.Redacted<string>>
  }) {
    const { project, secrets, service, version } = state
    const { name, source } = service
    const repository = yield* Effect.fromResult(
      ImageReference.ofService(project.registry, project.name, name, state.username)
    )
    const tagged = (tag: string) => Effect.fromResult(ImageReference.withTag(repository, tag))
    const docker = yield* Docker
    const about = {
      engine: project.engine,
      service: name,
      source,
      ...(secrets !== undefined && { secrets }),
      ...(project.builder !== undefined && { remote: yield* remoteBuild(project, project.builder, service) })
    }
    const reference = yield* tagged(version)
    const [platform, ...others] = platformsOf(project, service)
    if (platform === undefined || others.length === 0) {
      const image = yield* docker.build({ ...about, reference, ...(platform !== undefined && { platform }) })
      const built: BuiltImage = { image, reference }
      return { built }
    }
    const build = Effect.fnUntraced(function* (platform: string) {
      const reference = yield* tagged(`${version}-${platform.replaceAll("/", "-")}`)
      const image = yield* docker.build({ ...about, reference, platform, isOneOfSeveral: true })
      const built: BuiltPlatform = { platform, image, reference }
      return built
    })
    // One after another: the output of one build is easier to read, and a build uses all processors anyway.
    const first = yield* build(platform)
    const platforms = [first, ...(yield* Effect.forEach(others, build))]
    const built: BuiltImage = { image: first.image, reference, platforms }
    return { built }
  }),
  { result: Schema.Struct({ built: BuiltImage }) }
)

import { Effect, type Redacted, Result, Schema } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { BuildSource, Project, Service } from "../config/Project.ts"
import { Docker } from "../layers/docker/Docker.ts"
import type { InspectedImage } from "../layers/docker/inspect.ts"
import { defineError } from "../core/defineError.ts"
import * as Step from "../pipeline/Step.ts"

/** The servers of a service have different architectures, but jiji builds one image for all of them. */
export class ArchitecturesDiffer extends defineError<ArchitecturesDiffer>()("ArchitecturesDiffer", {
  fields: { service: Schema.String, servers: Schema.Array(Schema.String) },
  message: (e) => `${e.service} runs on servers with different architectures: ${e.servers.join(", ")}.`,
  remedy: "Define one service for each architecture, or deploy to the servers one after another with -H.",
  exitCode: "configuration",
  sample: { service: "web", servers: ["web1 (amd64)", "web2 (arm64)"] }
}) {}

/** A service whose image jiji builds. */
export type BuiltService = Service & { readonly source: BuildSource }

/** Whether jiji builds the service's image. */
export const isBuilt = (service: Service): service is BuiltService => service.source._tag === "Build"

/** An image on this machine. */
export interface BuiltImage {
  readonly image: InspectedImage
  /** Its name on every machine, with the version as its tag. */
  readonly reference: ImageReference.ImageReference
}

/** The one architecture that `arch:` gives for the servers of a service; undefined if it gives none. */
const architecture = Effect.fnUntraced(function* (project: Project, service: Service) {
  const servers = project.servers.filter((server) => service.hosts.includes(server.name))
  const architectures = new Set(servers.flatMap(({ arch }) => (arch === undefined ? [] : [arch])))
  if (architectures.size > 1) {
    const described = servers.map(({ arch, name }) => `${name} (${arch ?? "not set"})`)
    return yield* new ArchitecturesDiffer({ service: service.name, servers: described })
  }
  return [...architectures][0]
})

/** Builds the image of a service, under the name it has in the project's registry. */
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
    const { project, service, version } = state
    const reference = yield* Effect.fromResult(
      ImageReference.ofService(project.registry, project.name, service.name, state.username).pipe(
        Result.flatMap((repository) => ImageReference.withTag(repository, version))
      )
    )
    const arch = yield* architecture(project, service)
    const image = yield* (yield* Docker).build({
      engine: project.engine,
      service: service.name,
      source: service.source,
      reference,
      ...(state.secrets !== undefined && { secrets: state.secrets }),
      ...(arch === undefined ? {} : { platform: `linux/${arch}` })
    })
    const built: BuiltImage = { image, reference }
    return { built }
  })
)

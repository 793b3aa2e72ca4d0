import { Effect, Schema } from "effect"
import { reference, repository } from "../config/ImageReference.ts"
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

/** A service that has an image of its own to build. */
export type BuiltService = Service & { readonly source: BuildSource }

/** Whether a service's image is built, not only pulled. */
export const isBuilt = (service: Service): service is BuiltService => service.source._tag === "Build"

/** An image on this machine, under the name that it is known by everywhere. */
export interface BuiltImage {
  readonly image: InspectedImage
  readonly repository: string
  /** `REPOSITORY:VERSION`. */
  readonly reference: string
}

/** The one processor that the servers of a service say they have. */
const architecture = Effect.fnUntraced(function* (project: Project, service: Service) {
  const servers = project.servers.filter((server) => service.hosts.includes(server.name))
  const said = new Set(servers.flatMap((server) => (server.arch === undefined ? [] : [server.arch])))
  if (said.size > 1) {
    const described = servers.map((server) => `${server.name} (${server.arch ?? "not set"})`)
    return yield* new ArchitecturesDiffer({ service: service.name, servers: described })
  }
  return [...said][0]
})

/** Builds the image of a service and names it. */
export const step = Step.make(
  "build",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly service: BuiltService
    readonly version: string
    readonly username?: string
  }) {
    const { project, service, version } = state
    const name = yield* Effect.fromResult(repository(project.registry, project.name, service.name, state.username))
    const tagged = yield* Effect.fromResult(reference(name, { tag: version }))
    const arch = yield* architecture(project, service)
    const image = yield* (yield* Docker).build({
      engine: project.engine,
      service: service.name,
      source: service.source,
      reference: tagged,
      ...(arch === undefined ? {} : { platform: `linux/${arch}` })
    })
    const built: BuiltImage = { image, repository: name, reference: tagged }
    return { built }
  })
)

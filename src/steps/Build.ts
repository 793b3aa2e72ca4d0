import { Effect, Result, Schema } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { BuildSource, Project, Service } from "../config/Project.ts"
import { Docker } from "../layers/docker/Docker.ts"
import type { InspectedImage } from "../layers/docker/inspect.ts"
import { ExitCode } from "../core/Failure.ts"
import * as Step from "../pipeline/Step.ts"

/** A service's servers need images for different processors, which one build does not give. */
export class ArchitecturesDiffer extends Schema.TaggedError<ArchitecturesDiffer>()("ArchitecturesDiffer", {
  service: Schema.String,
  servers: Schema.Array(Schema.String)
}) {
  override get message() {
    return `${this.service} runs on servers with different processors: ${this.servers.join(", ")}.`
  }
  get remedy() {
    return "Make it one service for each processor, or deploy them one after another with -H."
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

/** A service that has an image of its own to build. */
export type BuiltService = Service & { readonly source: BuildSource }

/** Whether a service's image is built, not only pulled. */
export const isBuilt = (service: Service): service is BuiltService => service.source._tag === "Build"

/** An image on this machine. */
export interface BuiltImage {
  readonly image: InspectedImage
  /** Its name on every machine, with the version as its tag. */
  readonly reference: ImageReference.ImageReference
}

/** The one processor that the servers of a service say they have. */
const architecture = Effect.fnUntraced(function* (project: Project, service: Service) {
  const servers = project.servers.filter((server) => service.hosts.includes(server.name))
  const said = new Set(servers.flatMap((server) => (server.arch === undefined ? [] : [server.arch])))
  if (said.size > 1) {
    const described = servers.map((server) => `${server.name} (${server.arch ?? "not said"})`)
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
      ...(arch === undefined ? {} : { platform: `linux/${arch}` })
    })
    const built: BuiltImage = { image, reference }
    return { built }
  })
)

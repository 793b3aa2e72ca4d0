import { Effect, Redacted, Schema, SchemaTransformation } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { Project, Service } from "../config/Project.ts"
import type { ServerEngine } from "../layers/docker/Docker.ts"
import type { InspectedContainer } from "../layers/docker/inspect.ts"
import { Events } from "../core/Events.ts"
import * as Step from "../pipeline/Step.ts"
import { type Configuration, configurationOf, differences } from "./configuration.ts"
import type { ConnectedServer } from "./Connect.ts"
import type { PushedImage } from "./Push.ts"

/** The image that a container is created from. */
const PlannedImage = Schema.Struct({
  /** Under which name it runs on the server. */
  reference: ImageReference.FromString,
  /** Absent where only the pull shows what the name stands for: of an image that jiji did not build. */
  digest: Schema.optionalKey(Schema.String)
})

/** Hashes of secrets are among it, so events and records do not carry it. */
const HiddenConfiguration = Schema.Literal("<redacted>").pipe(
  Schema.decodeTo(
    Schema.Redacted(Schema.Struct({ hash: Schema.String, parts: Schema.String })),
    SchemaTransformation.transform({
      decode: (): Redacted.Redacted<Configuration> => Redacted.make({ hash: "", parts: "" }),
      encode: () => "<redacted>" as const
    })
  )
)

/**
 * How a container is replaced: its successor runs `beside` it first; or shows in a `trial` without ports that it can run,
 * since both would publish the same ports; or starts after a `stop` of the old one, whose data it writes.
 */
const Strategy = Schema.Literals(["beside", "trial", "stop"])

/** The container runs already as it should. */
export const Keep = Schema.TaggedStruct("Keep", {
  service: Schema.String,
  container: Schema.String,
  version: Schema.String,
  digest: Schema.String
})

const next = {
  service: Schema.String,
  image: PlannedImage,
  version: Schema.String,
  configuration: HiddenConfiguration,
  strategy: Strategy
}

/** The service has no container on the server yet. `strategy` counts only if another deploy starts one meanwhile. */
export const Start = Schema.TaggedStruct("Start", next)

/** The container is replaced. `because` names what differs, such as `environment: LOG`, and no values. */
export const Replace = Schema.TaggedStruct("Replace", { ...next, because: Schema.Array(Schema.String) })

/** What a deploy does about one service on one server, and why. */
export const Planned = Schema.Union([Keep, Start, Replace])
export type Planned = typeof Planned.Type

/** A service on a server with what was decided about it. */
export interface Work {
  readonly planned: Planned
  readonly service: Service
  /** Absent where the service runs an image that jiji did not build. */
  readonly image?: PushedImage
}

/** The name of a service's container. */
export const containerName = (project: Project, service: Service): string => `${project.name}-${service.name}`

/** Volumes that the container can write to. */
const writes = (volume: string): boolean => !/:([^:]*,)?ro(,[^:]*)?$/.test(volume)

/** How the successor can be tried without disturbing what runs: it may share neither its ports nor the data it writes. */
const strategyOf = (service: Service): typeof Strategy.Type => {
  if (service.volumes.some(writes)) return "stop"
  return service.ports.some((port) => port.includes(":")) ? "trial" : "beside"
}

/** What the container is created from. */
const imageOf = (service: Service, pushed: PushedImage | undefined): typeof PlannedImage.Type | undefined => {
  if (pushed !== undefined) return { reference: pushed.reference, digest: pushed.digest }
  return service.source._tag === "Image" ? { reference: service.source.image } : undefined
}

/** What people read as the version of an image that jiji did not build. */
const versionOf = ({ tag = "latest" }: ImageReference.ImageReference): string => tag

/** Why a service's containers are not simply kept, in the order in which a person would ask. */
const reasons = (
  project: Project,
  service: Service,
  containers: readonly [InspectedContainer, ...ReadonlyArray<InspectedContainer>],
  image: typeof PlannedImage.Type,
  configuration: Configuration
): ReadonlyArray<string> => {
  const [container] = containers
  const { digest, reference } = image
  return [
    ...(containers.length > 1 || container.name !== containerName(project, service)
      ? ["an earlier deploy was interrupted"]
      : []),
    ...(container.running ? (container.healthy ? [] : ["the container is unhealthy"]) : ["the container is stopped"]),
    ...(digest === undefined ? [`image ${ImageReference.print(reference)} may have changed`] : []),
    ...(digest !== undefined && container.digest !== digest
      ? [`image ${ImageReference.shortDigest(container.digest)} → ${ImageReference.shortDigest(digest)}`]
      : []),
    ...(container.config === configuration.hash ? [] : differences(container.parts, configuration.parts))
  ]
}

/** What to do about one service on a server whose containers are known. */
export const plan = (
  project: Project,
  service: Service,
  { containers }: Pick<ServerEngine, "containers">,
  pushed: PushedImage | undefined,
  secrets: ReadonlyMap<string, Redacted.Redacted<string>>
): Planned => {
  const image = imageOf(service, pushed)
  if (image === undefined) throw new Error(`${service.name} has no image`)
  const configuration = configurationOf(service, secrets)
  const found = containers.filter((container) => container.service === service.name)
  const [container, ...others] = found
  const planned = {
    service: service.name,
    image,
    version: pushed?.version ?? versionOf(image.reference),
    configuration: Redacted.make(configuration),
    strategy: strategyOf(service)
  }
  if (container === undefined) return { _tag: "Start", ...planned }
  const because = reasons(project, service, [container, ...others], image, configuration)
  if (because.length > 0) return { _tag: "Replace", ...planned, because }
  const { digest, id, version } = container
  return { _tag: "Keep", service: service.name, container: id, version, digest }
}

/** What a person reads of a decision. */
const note = (planned: Planned): string => {
  switch (planned._tag) {
    case "Keep":
      return `keep ${planned.service}`
    case "Start":
      return `start ${planned.service}`
    case "Replace":
      return `replace ${planned.service}: ${planned.because.join("; ")}`
  }
}

/** The services of a server, with what was decided about each. */
export const workOf = (state: {
  readonly project: Project
  readonly images: ReadonlyArray<PushedImage>
  readonly plan: ReadonlyArray<Planned>
}): ReadonlyArray<Work> =>
  state.plan.flatMap((planned) => {
    const service = state.project.services.find(({ name }) => name === planned.service)
    const image = state.images.find((each) => each.service === planned.service)
    return service === undefined ? [] : [{ planned, service, ...(image !== undefined && { image }) }]
  })

/** Decides what to do about every service of a server, and why. The steps after it follow this plan. */
export const step = Step.make(
  "plan",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: ConnectedServer
    readonly images: ReadonlyArray<PushedImage>
    readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
  }) {
    const { images, project, secrets, server } = state
    const planned: ReadonlyArray<Planned> = project.services
      .filter((service) => service.hosts.includes(server.name))
      .map((service) => {
        const pushed = images.find((image) => image.service === service.name)
        return plan(project, service, server.engine, pushed, secrets)
      })
    yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text: planned.map(note).join(", ") })
    return { plan: planned }
  }),
  { result: Schema.Struct({ plan: Schema.Array(Planned) }) }
)

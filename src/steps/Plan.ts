import { Effect, Redacted, Schema, SchemaTransformation } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { Engine, Project, Service } from "../config/Project.ts"
import type { ServerEngine } from "../layers/docker/Docker.ts"
import { type InspectedContainer, provenPolicy, stateText } from "../layers/docker/inspect.ts"
import { parseVolume } from "../config/volumes.ts"
import { Events } from "../core/Events.ts"
import * as Step from "../pipeline/Step.ts"
import { type Configuration, configurationOf, differences } from "./configuration.ts"
import type { ConnectedServer } from "./Connect.ts"
import type { PushedImage } from "./Push.ts"

/** The image that a container is created from. */
const PlannedImage = Schema.Struct({
  /** Under which name it runs on the server. */
  reference: ImageReference.FromString,
  /** Absent if only the pull shows what the name stands for: if jiji did not build it, and deploy.yml has no digest. */
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
export const Replace = Schema.TaggedStruct("Replace", {
  ...next,
  because: Schema.Array(Schema.String),
  /** The digest of the image that the container runs; absent if its label does not say. */
  before: Schema.optionalKey(Schema.String)
})

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

/** The names of a service's containers: of the one that serves, and of the temporary ones of `replace.sh`. */
export const containerNames = (project: Project, service: Service): ReadonlyArray<string> =>
  ["", "-next", "-trial"].map((end) => `${containerName(project, service)}${end}`)

/** Volumes that the container can write to. */
const writes = (volume: string): boolean => {
  const mount = parseVolume(volume)
  return typeof mount === "string" || mount.options?.split(",").includes("ro") !== true
}

/** How the successor can be tried without disturbing what runs: it may share neither its ports nor the data it writes. */
const strategyOf = (service: Service): typeof Strategy.Type => {
  if (service.volumes.some(writes)) return "stop"
  return service.ports.some((port) => port.includes(":")) ? "trial" : "beside"
}

/** What the container is created from. */
const imageOf = (service: Service, pushed: PushedImage | undefined): typeof PlannedImage.Type | undefined => {
  if (pushed !== undefined) return { reference: pushed.reference, digest: pushed.digest }
  if (service.source._tag !== "Image") return undefined
  const { image: reference } = service.source
  return { reference, ...(reference.digest !== undefined && { digest: reference.digest }) }
}

/** What people read as the version of an image that jiji did not build. */
export const versionOf = ({ digest, tag }: ImageReference.ImageReference): string =>
  tag ?? (digest === undefined ? "latest" : ImageReference.shortDigest(digest))

const mayHaveChanged = (reference: ImageReference.ImageReference): string =>
  `image ${ImageReference.print(reference)} may have changed`

const imageChange = (before: string, after: string): string =>
  `image ${ImageReference.shortDigest(before) || "unknown"} → ${ImageReference.shortDigest(after)}`

/** What is wrong with the state of a container. */
const stateReasons = (container: InspectedContainer): ReadonlyArray<string> => {
  if (!container.running) return [`the container is ${stateText(container)}`]
  return container.healthy ? [] : ["the container is unhealthy"]
}

/** What an interrupted deploy or a person has done to the container's restart policy. `replace.sh` repairs it. */
const policyReasons = ({ restartPolicy }: InspectedContainer, engine: Engine | undefined): ReadonlyArray<string> => {
  if (engine === undefined || restartPolicy === undefined || restartPolicy === provenPolicy(engine)) return []
  return [`restart policy ${restartPolicy} → ${provenPolicy(engine)}`]
}

/** The service's containers, first the one that serves. `replace.sh` chooses in the same way. */
const containersOf = (
  project: Project,
  service: Service,
  containers: ReadonlyArray<InspectedContainer>
): ReadonlyArray<InspectedContainer> => {
  // Others with the same labels, such as a copy that somebody made to look for a mistake, are none of jiji's business.
  const found = containerNames(project, service).flatMap((name) =>
    containers.filter((container) => container.service === service.name && container.name === name)
  )
  return [...found.filter(({ running }) => running), ...found.filter(({ running }) => !running)]
}

/** Why a service's containers are not simply kept, in the order in which a person would ask. */
const reasons = (
  project: Project,
  service: Service,
  containers: readonly [InspectedContainer, ...ReadonlyArray<InspectedContainer>],
  image: typeof PlannedImage.Type,
  configuration: Configuration,
  engine: Engine | undefined
): ReadonlyArray<string> => {
  const [container] = containers
  const { digest, reference } = image
  return [
    ...(containers.length > 1 || container.name !== containerName(project, service)
      ? ["an earlier deploy was interrupted"]
      : []),
    ...stateReasons(container),
    ...policyReasons(container, engine),
    ...(digest === undefined ? [mayHaveChanged(reference)] : []),
    ...(digest !== undefined && container.digest !== digest ? [imageChange(container.digest, digest)] : []),
    ...(container.config === configuration.hash ? [] : differences(container.parts, configuration.parts))
  ]
}

/** Why a container was replaced, now that the digest of its new image is known. */
export const becauseOf = ({ because, before, image }: typeof Replace.Type, digest: string): ReadonlyArray<string> => {
  const unknown = mayHaveChanged(image.reference)
  const known = because.flatMap((reason) => {
    if (reason !== unknown) return [reason]
    return before === digest ? [] : [imageChange(before ?? "", digest)]
  })
  // `replace.sh` looks at the container again.
  return known.length === 0 ? ["the container changed during the deploy"] : known
}

/** What to do about one service on a server whose containers are known. */
export const plan = (
  project: Project,
  service: Service,
  { containers, name: engine }: Pick<ServerEngine, "containers"> & Partial<Pick<ServerEngine, "name">>,
  pushed: PushedImage | undefined,
  secrets: ReadonlyMap<string, Redacted.Redacted<string>>
): Planned => {
  const image = imageOf(service, pushed)
  if (image === undefined) throw new Error(`${service.name} has no image`)
  const configuration = configurationOf(service, secrets)
  const [container, ...others] = containersOf(project, service, containers)
  const planned = {
    service: service.name,
    image,
    version: pushed?.version ?? versionOf(image.reference),
    configuration: Redacted.make(configuration),
    strategy: strategyOf(service)
  }
  if (container === undefined) return { _tag: "Start", ...planned }
  const because = reasons(project, service, [container, ...others], image, configuration, engine)
  const { digest, id, version } = container
  if (because.length > 0) return { _tag: "Replace", ...planned, because, ...(digest !== "" && { before: digest }) }
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

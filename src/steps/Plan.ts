import { Effect, Redacted, Schema, SchemaTransformation } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import { sharesData } from "../config/engineOptions.ts"
import type { Engine, Project, Service } from "../config/Project.ts"
import type { ServerEngine } from "../layers/docker/Docker.ts"
import { type InspectedContainer, provenPolicy, stateText } from "../layers/docker/inspect.ts"
import { isWritten } from "../config/volumes.ts"
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

/** Which of the service's containers on the server it is, from 1. Absent for the first. */
const replica = Schema.optionalKey(Schema.Int)

/** The container runs already as it should. */
export const Keep = Schema.TaggedStruct("Keep", {
  service: Schema.String,
  replica,
  container: Schema.String,
  version: Schema.String,
  digest: Schema.String
})

const next = {
  service: Schema.String,
  replica,
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

/** The service has fewer replicas now, and this one is removed. */
export const Remove = Schema.TaggedStruct("Remove", { service: Schema.String, replica: Schema.Int })

/** What a deploy does about one container of a service on one server, and why. */
export const Planned = Schema.Union([Keep, Start, Replace, Remove])
export type Planned = typeof Planned.Type

/** What is done about a container that deploy.yml places on the server. */
export type Wanted = Exclude<Planned, typeof Remove.Type>

/** A service on a server with what was decided about it. */
export interface Work {
  /** What was decided about its first container that changes. If none does, about its first one. */
  readonly planned: Wanted
  /** What was decided about each of its containers. */
  readonly replicas: ReadonlyArray<Planned>
  readonly service: Service
  /** Absent where the service runs an image that jiji did not build. */
  readonly image?: PushedImage
}

/** The name of a service's container. The first replica has no number. */
export const containerName = (project: Project, service: Pick<Service, "name">, replica = 1): string =>
  `${project.name}-${service.name}${replica === 1 ? "" : `-${replica}`}`

/** The numbers of a service's replicas on each of its servers. */
export const replicaNumbers = (service: Service): ReadonlyArray<number> =>
  Array.from({ length: service.replicas ?? 1 }, (_, index) => index + 1)

/** The name of the container that a service's release runs in. */
export const releaseName = (project: Project, service: Service): string => `${containerName(project, service)}-release`

/** What `replace.sh` adds to the name of the container that serves, for temporary ones. */
const ends = ["", "-next", "-trial"]

/** Which replica of a service a container is, or is a temporary one of. Undefined if jiji does not use the name. */
export const replicaOf = (
  project: Project,
  service: Pick<Service, "name">,
  { name }: { readonly name: string }
): number | undefined => {
  const first = containerName(project, service)
  if (!name.startsWith(first)) return undefined
  const [, number] = /^(?:-([2-9]|[1-9]\d+))?(?:-next|-trial)?$/u.exec(name.slice(first.length)) ?? []
  if (number !== undefined) return Number(number)
  return ends.includes(name.slice(first.length)) ? 1 : undefined
}

/** How the successor can be tried without disturbing what runs: it may share neither its ports nor the data it writes. */
const strategyOf = (service: Service): typeof Strategy.Type => {
  if (service.volumes.some(isWritten) || service.settings?.engine_options?.some(sharesData) === true) return "stop"
  return service.ports.some((port) => port.includes(":")) ? "trial" : "beside"
}

/** An image that jiji built, or would build: then its digest is unknown. */
export type OwnImage = Pick<PushedImage, "reference" | "version"> & { readonly digest?: string }

/** What the container is created from. */
const imageOf = (
  service: Service,
  pushed: PushedImage | OwnImage | undefined
): typeof PlannedImage.Type | undefined => {
  if (pushed !== undefined) {
    const { digest, reference } = pushed
    return { reference, ...(digest !== undefined && { digest }) }
  }
  if (service.source._tag !== "Image") return undefined
  const { image: reference } = service.source
  return { reference, ...(reference.digest !== undefined && { digest: reference.digest }) }
}

/** What people read as the version of an image that jiji did not build. */
export const versionOf = ({ digest, tag }: ImageReference.ImageReference): string =>
  tag ?? (digest === undefined ? "latest" : ImageReference.shortDigest(digest))

/** Why a container is replaced if only its pull shows whether there is a newer image. */
export const mayHaveChanged = (reference: ImageReference.ImageReference): string =>
  `image ${ImageReference.print(reference)} may have changed`

const imageChange = (before: string, after: string): string =>
  `image ${ImageReference.shortDigest(before) || "unknown"} → ${ImageReference.shortDigest(after)}`

/** What is wrong with the state of a container. */
const stateReasons = (container: InspectedContainer): ReadonlyArray<string> => {
  if (!container.running) return [`the container is ${stateText(container)}`]
  return container.healthy ? [] : ["the container is unhealthy"]
}

/** What an interrupted deploy or a person has done to the container's restart policy. `replace.sh` repairs it. */
const policyReasons = (
  { restart, restartPolicy }: InspectedContainer,
  engine: Engine | undefined
): ReadonlyArray<string> => {
  if (engine === undefined || restartPolicy === undefined) return []
  // If deploy.yml names another policy now, that is a reason of its own.
  const own = provenPolicy(engine, restart)
  return restartPolicy === own ? [] : [`restart policy ${restartPolicy} → ${own}`]
}

/** The containers of a replica, first the one that serves. `replace.sh` chooses in the same way. */
export const containersOf = (
  project: Project,
  service: Service,
  replica: number,
  containers: ReadonlyArray<InspectedContainer>
): ReadonlyArray<InspectedContainer> => {
  const names = ends.map((end) => `${containerName(project, service, replica)}${end}`)
  // Others with the same labels, such as a copy that somebody made to look for a mistake, are none of jiji's business.
  const found = names.flatMap((name) =>
    containers.filter((container) => container.service === service.name && container.name === name)
  )
  return [...found.filter(({ running }) => running), ...found.filter(({ running }) => !running)]
}

/** Why a service's containers are not simply kept, in the order in which a person would ask. */
const reasons = (
  name: string,
  containers: readonly [InspectedContainer, ...ReadonlyArray<InspectedContainer>],
  image: typeof PlannedImage.Type,
  configuration: Configuration,
  engine: Engine | undefined
): ReadonlyArray<string> => {
  const [container] = containers
  const { digest, reference } = image
  return [
    ...(containers.length > 1 || container.name !== name ? ["an earlier deploy was interrupted"] : []),
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

/** What to do about one container of a service, on a server whose containers are known. */
export const plan = (
  project: Project,
  service: Service,
  { containers, name: engine }: Pick<ServerEngine, "containers"> & Partial<Pick<ServerEngine, "name">>,
  pushed: PushedImage | OwnImage | undefined,
  secrets: ReadonlyMap<string, Redacted.Redacted<string>>,
  replica = 1
): Wanted => {
  const image = imageOf(service, pushed)
  if (image === undefined) throw new Error(`${service.name} has no image`)
  const configuration = configurationOf(service, secrets)
  const [container, ...others] = containersOf(project, service, replica, containers)
  const which = { service: service.name, ...(replica > 1 && { replica }) }
  const planned = {
    ...which,
    image,
    version: pushed?.version ?? versionOf(image.reference),
    configuration: Redacted.make(configuration),
    strategy: strategyOf(service)
  }
  if (container === undefined) return { _tag: "Start", ...planned }
  const because = reasons(
    containerName(project, service, replica),
    [container, ...others],
    image,
    configuration,
    engine
  )
  const { digest, id, version } = container
  if (because.length > 0) return { _tag: "Replace", ...planned, because, ...(digest !== "" && { before: digest }) }
  return { _tag: "Keep", ...which, container: id, version, digest }
}

/** The replicas of a service that are too many on a server. */
export const surplus = (
  project: Project,
  service: Service,
  { containers }: Pick<ServerEngine, "containers">
): ReadonlyArray<Planned> => {
  const own = containers.filter((container) => container.service === service.name)
  const numbers = own.flatMap((container) => replicaOf(project, service, container) ?? [])
  return [...new Set(numbers)]
    .filter((number) => number > (service.replicas ?? 1))
    .sort((a, b) => b - a)
    .map((number) => ({ _tag: "Remove", service: service.name, replica: number }))
}

/** What a person reads of a decision. */
const note = (planned: Planned): string => {
  const name = `${planned.service}${planned.replica === undefined ? "" : `-${planned.replica}`}`
  switch (planned._tag) {
    case "Keep":
      return `keep ${name}`
    case "Start":
      return `start ${name}`
    case "Replace":
      return `replace ${name}: ${planned.because.join("; ")}`
    case "Remove":
      return `remove ${name}`
  }
}

/** The services of a server, with what was decided about each. */
export const workOf = (state: {
  readonly project: Project
  readonly images: ReadonlyArray<PushedImage>
  readonly plan: ReadonlyArray<Planned>
}): ReadonlyArray<Work> => {
  const names = [...new Set(state.plan.map(({ service }) => service))]
  return names.flatMap((name) => {
    const service = state.project.services.find((each) => each.name === name)
    const image = state.images.find((each) => each.service === name)
    const replicas = state.plan.filter((each) => each.service === name)
    const wanted = replicas.filter((each) => each._tag !== "Remove")
    const planned = wanted.find(({ _tag }) => _tag !== "Keep") ?? wanted[0]
    if (service === undefined || planned === undefined) return []
    return [{ planned, replicas, service, ...(image !== undefined && { image }) }]
  })
}

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
      .flatMap((service) => {
        const pushed = images.find((image) => image.service === service.name)
        return [
          ...replicaNumbers(service).map((number) => plan(project, service, server.engine, pushed, secrets, number)),
          ...surplus(project, service, server.engine)
        ]
      })
    yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text: planned.map(note).join(", ") })
    return { plan: planned }
  }),
  // The servers may have changed since.
  { result: Schema.Struct({ plan: Schema.Array(Planned) }), reuse: false }
)

import { type Duration, Effect, Option, type Redacted, Schema } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { Project, Server, Service } from "../config/Project.ts"
import { secretsNotNamed } from "../config/secretNames.ts"
import { defineError } from "../core/defineError.ts"
import { Events } from "../core/Events.ts"
import { IsDryRun } from "../core/IsDryRun.ts"
import { joinWords } from "../core/text.ts"
import { type Credentials, Docker } from "../layers/docker/Docker.ts"
import { simulatedDigest } from "../layers/docker/simulated.ts"
import { type ProxyState, ServerProxy } from "../layers/proxy/ServerProxy.ts"
import { LocalRegistry, type Served } from "../layers/registry/LocalRegistry.ts"
import { type Forward, Ssh } from "../layers/ssh/Ssh.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import * as Connect from "./Connect.ts"
import * as Lock from "./Lock.ts"
import { credentialsOf } from "./Credentials.ts"
import { define, keptFiles, serviceOf } from "./definition.ts"
import * as Deploy from "./Deploy.ts"
import * as Network from "./Network.ts"
import * as Plan from "./Plan.ts"
import * as Proxy from "./Proxy.ts"
import { checkClaims, proxySites } from "./proxySites.ts"
import type { PulledImage } from "./Pull.ts"
import { sourceOfNamed, sourceOfPushed } from "./Pull.ts"
import type { PushedImage } from "./Push.ts"
import * as ResolveSecrets from "./ResolveSecrets.ts"
import { rolloutOf } from "./rollout.ts"
import * as Route from "./Route.ts"
import { type Target, targetsOf, type VersionedServer, versionsOn } from "./versions.ts"

/** What `jiji rollback` begins with. */
export interface RollbackInput {
  readonly project: Project
  /** The version to go back to. By default, the one before the last deploy. */
  readonly requestedVersion?: string
  /** How long to wait for the project's lock if somebody holds it. By default, it fails at once. */
  readonly waitForLock?: Duration.Duration
}

/** The files that a version mounts were not kept with it. */
export class FilesNotKept extends defineError<FilesNotKept>()("FilesNotKept", {
  fields: { service: Schema.String, server: Schema.String, version: Schema.String, files: Schema.Array(Schema.String) },
  message: (e) =>
    `${e.server} did not keep ${joinWords(e.files)}, which ${e.service} ${e.version} mounts: the files are too large, or the version was kept later.`,
  remedy: "Choose another version, or deploy that version again with `jiji deploy`.",
  exitCode: "failed",
  sample: { service: "web", server: "web1", version: "4c1d9e0", files: ["config/geo.dat"] }
}) {}

/** A version uses a secret that deploy.yml does not give to its service. */
export class SecretNotNamed extends defineError<SecretNotNamed>()("SecretNotNamed", {
  fields: { service: Schema.String, version: Schema.String, names: Schema.Array(Schema.String) },
  message: (e) =>
    `${e.service} ${e.version} uses the ${e.names.length === 1 ? "secret" : "secrets"} ${joinWords(e.names)}, which deploy.yml does not give to ${e.service}. jiji never sends a server a secret only because a container there asks for it.`,
  remedy: (e) => `Add ${joinWords(e.names)} to the secrets of ${e.service} in deploy.yml, and run the rollback again.`,
  exitCode: "configuration",
  sample: { service: "web", version: "4c1d9e0", names: ["OLD_API_KEY"] }
}) {}

/** A server needs the image of a version, and nobody has it. */
export class ImageGone extends defineError<ImageGone>()("ImageGone", {
  fields: { service: Schema.String, server: Schema.String, version: Schema.String, image: Schema.String },
  message: (e) =>
    `${e.server} no longer has the image of ${e.service} ${e.version}, and neither has the local registry of this machine (${e.image}).`,
  remedy:
    "Run the rollback on the machine that deployed this version, leave the server out with `-H`, or choose a version that `jiji versions` lists.",
  exitCode: "failed",
  sample: { service: "web", server: "web2", version: "4c1d9e0", image: "localhost:9270/shop-web:4c1d9e0" }
}) {}

/** A server, and what it goes back to. */
interface TargetServer extends VersionedServer {
  readonly targets: ReadonlyArray<Target>
  /** The project with the services as they will run here. */
  readonly project: Project
}

/** Connects to a server, and finds what runs there and which versions it has. */
const connect = Step.make(
  "connect",
  Effect.fnUntraced(function* ({ project, server }: { readonly project: Project; readonly server: Server }) {
    const { connected } = yield* Connect.find(project, server)
    const { containers, name: engine } = connected.engine
    const place = { engine, project: project.name }
    const kept = (yield* Docker).keptVersions(server, place)
    const usesProxy =
      project.services.some((service) => service.proxy !== undefined && service.hosts.includes(server.name)) ||
      containers.some(({ proxied }) => proxied === true)
    const proxy = usesProxy ? (yield* ServerProxy).read(server, place) : Effect.undefined
    const [all, proxyState] = yield* Effect.all([kept, proxy], { concurrency: 2 })
    const found: VersionedServer = {
      ...connected,
      ...(proxyState && { proxyState }),
      versions: versionsOn(project, connected, all)
    }
    return { connected: found }
  })
)

/** Connects to all servers at the same time, and finds their versions. */
const connectAll = <const Name extends string>(name: Name) =>
  Pipeline.make<RollbackInput, Name>(name).pipe(
    Pipeline.forEach({
      name: "servers",
      as: "server",
      items: ({ project }: RollbackInput) => project.servers,
      key: (server) => server.name,
      body: Pipeline.make<RollbackInput & { readonly server: Server }>("connection").pipe(Pipeline.step(connect)),
      collect: { as: "connected", value: ({ connected }) => connected }
    })
  )

const connections = connectAll("connections")

/** Reads the servers again, because those who held the lock may have changed them. */
const refresh = connectAll("refresh")

const isBuilt = ({ known }: Target): boolean => known.definition.built

/** A target's image, as a deploy knows one that was built. */
const pushedImage = ({ known, service }: Target, architecture: string): PushedImage => {
  const { digest, image, version } = known.definition
  const repository = ImageReference.repositoryOf(image)
  return { service: service.name, repository, reference: image, version, digest, architecture }
}

/** The images of a server's targets that jiji built. */
const pushedImages = ({ engine, targets }: TargetServer): ReadonlyArray<PushedImage> =>
  targets.filter(isBuilt).map((target) => pushedImage(target, engine.architecture))

/** In a dry run no server answers, so it shows what deploy.yml has. */
const simulated = (project: Project, server: VersionedServer, version = "PREVIOUS") =>
  Effect.map(
    Effect.forEach(
      project.services.filter(({ hosts }) => hosts.includes(server.name)),
      Effect.fnUntraced(function* (service) {
        const built = service.source._tag === "Build"
        const name = `${project.name}-${service.name}:${version}`
        const image = service.source._tag === "Image" ? service.source.image : yield* parse(name)
        const digest = simulatedDigest(name)
        const known = yield* define({ service, image, digest, version, built, now: 0, beside: {} })
        const placed: Service = { ...service, hosts: [server.name], source: { _tag: "Image", image } }
        const target: Target = { service: placed, known, imageId: digest }
        return target
      })
    ),
    (targets): TargetServer => ({
      ...server,
      targets,
      project: { ...project, services: targets.map(({ service }) => service) }
    })
  )

const parse = (name: string) => Effect.fromResult(ImageReference.parse(name))

/** Decides what each server goes back to. Nothing has changed yet: whatever is missing is found here. */
const choose = Step.make(
  "choose",
  Effect.fnUntraced(function* (state: RollbackInput & { readonly connected: ReadonlyArray<VersionedServer> }) {
    const { connected, project, requestedVersion } = state
    const { publish } = yield* Events
    if (yield* IsDryRun) {
      const servers = yield* Effect.forEach(connected, (server) => simulated(project, server, requestedVersion))
      return { servers }
    }
    const targets = targetsOf(project, connected, requestedVersion)
    if (!(targets instanceof Map)) return yield* targets as Exclude<typeof targets, ReadonlyMap<string, unknown>>
    const servers: Array<TargetServer> = []
    for (const server of connected) {
      const own: ReadonlyArray<Target> = targets.get(server.name) ?? []
      const services: Array<Service> = []
      const all: Array<Target> = []
      for (const target of own) {
        const { kept, known, service: now } = target
        const { version } = known.definition
        const files = kept === undefined ? new Map<string, Uint8Array>() : keptFiles(kept)
        const { missing, service } = serviceOf(now.name, known, files)
        if (missing.length > 0) {
          return yield* new FilesNotKept({ service: now.name, server: server.name, version, files: missing })
        }
        const placed = { ...service, hosts: [server.name] }
        const names = secretsNotNamed(
          project.services.find(({ name }) => name === now.name),
          placed
        )
        if (names.length > 0) return yield* new SecretNotNamed({ service: now.name, version, names })
        services.push(placed)
        all.push({ ...target, service: placed })
      }
      const there: TargetServer = { ...server, targets: all, project: { ...project, services } }
      if (server.proxyState !== undefined) {
        // The certificates are not needed to see whose hosts they are.
        yield* checkClaims(server.name, proxySites(there, server.name, server.proxyState), server.proxyState.sites)
      }
      servers.push(there)
      const text = all.map(({ known, service }) => `${service.name} to ${known.definition.version}`).join(", ")
      yield* publish({ _tag: "StepNoted", level: "info", text: `${server.name}: ${text || "stays as it is"}` })
    }
    return { servers }
  })
)

/** Finds the secrets of the versions, as they are now. */
const secrets = Step.make("secrets", (state: RollbackInput & { readonly servers: ReadonlyArray<TargetServer> }) => {
  const services = state.servers.flatMap(({ project }) => project.services)
  // The registry's are only needed where an image is missing.
  return ResolveSecrets.step.run({ project: { ...state.project, services, registry: { type: "local", port: 0 } } })
})

type Secrets = ReadonlyMap<string, Redacted.Redacted<string>>

/** Images by the service. */
type Images = ReadonlyMap<string, PulledImage>

interface OnServer extends RollbackInput {
  readonly server: TargetServer
}

/** The image of a target, if the server has it. Gives it its name again, which a newer one may have now. */
const lookFor = Effect.fnUntraced(function* (server: TargetServer, { imageId, known, service }: Target) {
  const { built, digest, image } = known.definition
  const docker = yield* Docker
  const { source } = service
  const reference = source._tag === "Image" ? source.image : image
  const from = built ? imageId : ImageReference.print(reference)
  const found = yield* docker.findImage(server, server.engine.name, from, built ? image : undefined)
  if (yield* IsDryRun) {
    const pulled: PulledImage = { id: imageId, reference, digest }
    return pulled
  }
  const pulled = Option.map(found, ({ id }): PulledImage => ({ id, reference, digest }))
  return Option.getOrUndefined(pulled)
})

/** Finds the images that the server has. */
const findImages = Step.make(
  "images",
  Effect.fnUntraced(function* ({ server }: OnServer) {
    const found = yield* Effect.forEach(
      server.targets,
      (target) => Effect.map(lookFor(server, target), (image) => [target.service.name, image] as const),
      { concurrency: "unbounded" }
    )
    const images: Images = new Map(
      found.flatMap(([name, image]) => (image === undefined ? [] : [[name, image] as const]))
    )
    return { images }
  })
)

interface Found {
  readonly servers: ReadonlyArray<TargetServer>
  readonly imagesOf: ReadonlyArray<{ readonly server: string; readonly images: Images }>
}

const missingOn = ({ imagesOf }: Pick<Found, "imagesOf">, { name, targets }: TargetServer): ReadonlyArray<Target> => {
  const images = imagesOf.find(({ server }) => server === name)?.images
  return targets.filter(({ service }) => images?.has(service.name) !== true)
}

/** Serves what is missing from the local registry, or logs in to the remote one. */
const source = Step.make(
  "source",
  Effect.fnUntraced(function* (state: RollbackInput & Found) {
    const { project, servers } = state
    const { registry } = project
    const none: { readonly served?: Served; readonly credentials?: Credentials } = {}
    if (servers.every((server) => missingOn(state, server).length === 0)) {
      return Step.skip("the servers have all images", none)
    }
    if (registry.type === "remote") {
      const credentials = yield* credentialsOf(registry)
      return credentials === undefined ? none : { ...none, credentials }
    }
    const missing = servers.flatMap((server) =>
      missingOn(state, server)
        .filter(isBuilt)
        .map((target) => ({ server, target }))
    )
    if (missing.length === 0) return none
    const local = yield* LocalRegistry
    if (registry.container === undefined) {
      const { tags } = yield* local.contents
      for (const { server, target } of missing) {
        const { digest, image, version } = target.known.definition
        if (tags.some((tag) => tag.digest === digest)) continue
        const about = { service: target.service.name, server: server.name, version }
        return yield* new ImageGone({ ...about, image: ImageReference.print(image) })
      }
    }
    const only = new Set(missing.map(({ target }) => target.known.definition.digest))
    const { container, port } = registry
    const served = yield* local.serve(container === undefined ? { port, only } : { port: 0, from: port, only })
    return { ...none, served }
  })
)

type Sourced = OnServer & Found & { readonly served?: Served; readonly credentials?: Credentials }

/** Brings the images that a server does not have. No container has changed yet, on any server. */
const fetch = Step.make(
  "fetch",
  Effect.fnUntraced(function* (state: Sourced) {
    const { credentials, project, served, server } = state
    const missing = missingOn(state, server)
    const none: { readonly fetched: Images } = { fetched: new Map() }
    if (missing.length === 0) return Step.skip("it has all images", none)
    const docker = yield* Docker
    const engine = server.engine.name
    let tunnel: Forward | undefined
    if (served !== undefined && project.registry.type === "local" && missing.some(isBuilt)) {
      tunnel = yield* (yield* Ssh).forward(server, { port: project.registry.port, to: served.socket ?? served.port })
    }
    const pull = Effect.fnUntraced(function* (target: Target) {
      const { digest, image } = target.known.definition
      const { source } = target.service
      const place = { project, engine, ...(tunnel && { tunnel }), ...(credentials && { credentials }) }
      const named = source._tag === "Image" ? source.image : image
      const options = isBuilt(target)
        ? sourceOfPushed(place, pushedImage(target, server.engine.architecture), image)
        : sourceOfNamed(credentials, named)
      const { id } = yield* docker.pull(server, { engine, ...options })
      const pulled: PulledImage = { id, reference: named, digest }
      return [target.service.name, pulled] as const
    })
    const fetched: Images = new Map(yield* Effect.forEach(missing, pull, { concurrency: 4 }))
    return { fetched }
  })
)

/** Runs a step with the project as the server goes back to it. */
const ofServer = <S extends OnServer>(state: S) => ({ ...state, project: state.server.project })

/** Decides which containers differ from what the server goes back to. */
const plan = Step.make(
  "plan",
  Effect.fnUntraced(function* (state: OnServer & { readonly secrets: Secrets }) {
    const { targets } = state.server
    const planned = yield* Plan.step.run({ ...ofServer(state), images: pushedImages(state.server) })
    const { plan } = Step.isSkipped(planned) ? planned.adds : planned
    const versionOf = (name: string) => targets.find(({ service }) => service.name === name)?.known.definition.version
    // The name of an image that jiji did not build has no tag here.
    const named: ReadonlyArray<Plan.Planned> = plan.map((each) =>
      each._tag === "Start" || each._tag === "Replace"
        ? { ...each, version: versionOf(each.service) ?? each.version }
        : each
    )
    return { plan: named }
  }),
  { result: Schema.Struct({ plan: Schema.Array(Plan.Planned) }), reuse: false }
)

type Planned = OnServer & { readonly plan: ReadonlyArray<Plan.Planned> }

const network = Step.make("network", (state: Planned) => Network.step.run(ofServer(state)), {
  ...(Network.step.result && { result: Network.step.result }),
  reuse: false
})

const proxy = Step.make("proxy", (state: OnServer & { readonly secrets: Secrets }) => Proxy.step.run(ofServer(state)))

const route = Step.make(
  "route",
  (state: OnServer & { readonly secrets: Secrets; readonly proxyState?: ProxyState }) =>
    Route.step.run(ofServer(state)),
  { ...(Route.step.result && { result: Route.step.result }), reuse: false }
)

type OfService = OnServer &
  Pick<Found, "imagesOf"> & {
    readonly secrets: Secrets
    readonly fetchedOf: ReadonlyArray<{ readonly server: string; readonly images: Images }>
    readonly network?: Network.Network
    readonly work: Plan.Work
  }

/** Replaces the containers of a service by the same switch as a deploy. */
const replace = Step.make(
  "deploy",
  (state: OfService) => {
    const { fetchedOf, imagesOf, server, work } = state
    const pulled = [...imagesOf, ...fetchedOf]
      .filter((each) => each.server === server.name)
      .flatMap(({ images }) => images.get(work.service.name) ?? [])[0]
    const definitions = new Map(server.targets.map(({ known, service }) => [service.name, known] as const))
    return Deploy.step.run({ ...ofServer(state), definitions, ...(pulled && { pulled }) })
  },
  { ...(Deploy.step.result && { result: Deploy.step.result }) }
)

const usesProxy = ({ server }: OnServer): boolean => server.proxyState !== undefined

type Ready = RollbackInput & Found & Pick<OfService, "secrets" | "fetchedOf">

/** All services of one server that go back. */
const onServer = Pipeline.make<Ready & { readonly server: TargetServer }>("server").pipe(
  Pipeline.step(plan),
  Pipeline.step(network),
  Pipeline.step(proxy),
  Pipeline.forEach({
    name: "services",
    as: "work",
    items: ({ plan, server }: Planned) => Plan.workOf({ project: server.project, images: pushedImages(server), plan }),
    key: ({ service }) => service.name,
    after: ({ service }) => service.dependsOn ?? [],
    body: Pipeline.make<OfService>("service").pipe(Pipeline.step(replace))
  }),
  Pipeline.when({ if: usesProxy, quiet: true, reason: "no service uses the proxy", body: route })
)

/**
 * What `jiji rollback` runs: it finds the versions of all servers, decides what each goes back to, and makes sure that every
 * image is there. Only then it replaces containers, by the same steps as a deploy. Release commands do not run.
 */
export const rollback = Pipeline.make<RollbackInput>("rollback").pipe(
  Pipeline.parallel(connections, Lock.step),
  Pipeline.when({
    if: ({ hasWaitedForLock }: { readonly hasWaitedForLock: boolean }) => hasWaitedForLock,
    quiet: true,
    reason: "nobody else held the lock",
    body: refresh
  }),
  Pipeline.step(choose),
  Pipeline.step(secrets),
  Pipeline.forEach({
    name: "images",
    as: "server",
    items: ({ servers }: Pick<Found, "servers">) => servers,
    key: (server) => server.name,
    body: Pipeline.make<OnServer>("image").pipe(Pipeline.step(findImages)),
    collect: { as: "imagesOf", value: ({ images, server }) => ({ server: server.name, images }) }
  }),
  Pipeline.pipeline(
    Pipeline.make<RollbackInput & Found, "missing">("missing").pipe(
      Pipeline.step(source),
      Pipeline.forEach({
        name: "servers",
        as: "server",
        items: (state: Found) => state.servers.filter((server) => missingOn(state, server).length > 0),
        key: (server) => server.name,
        body: Pipeline.make<Sourced>("server").pipe(Pipeline.step(fetch)),
        collect: { as: "fetchedOf", value: ({ fetched, server }) => ({ server: server.name, images: fetched }) }
      })
    )
  ),
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ servers }: RollbackInput & Found) => servers.filter(({ targets }) => targets.length > 0),
    key: (server) => server.name,
    strategy: ({ project }: RollbackInput) => rolloutOf(project),
    body: onServer
  })
)

import { Clock, Duration, Effect, Option, Redacted, Schema } from "effect"
import type { Project, Service } from "../config/Project.ts"
import { Events } from "../core/Events.ts"
import { Docker } from "../layers/docker/Docker.ts"
import type { InspectedContainer } from "../layers/docker/inspect.ts"
import type { Upstream } from "../layers/docker/replace/replace.ts"
import { proxyName, upFile } from "../layers/proxy/sites.ts"
import { isInSubnet } from "../layers/docker/network/addresses.ts"
import { AddressesUsedUp } from "../layers/docker/NetworkError.ts"
import * as Step from "../pipeline/Step.ts"
import type { ConnectedServer } from "./Connect.ts"
import { containerSpec, filesOf } from "./containerSpec.ts"
import { asciiJson, define, definitionLabels, type KnownDefinition } from "./definition.ts"
import { keepVersion, runningVersion } from "./keepVersion.ts"
import { type Network, otherAddress, prepare } from "./Network.ts"
import { becauseOf, containerName, replicaOf, type Replace, type Start, type Work } from "./Plan.ts"
import type { PulledImage } from "./Pull.ts"

/** What a deploy did about one service on one server. */
export const Deployed = Schema.Struct({
  service: Schema.String,
  server: Schema.String,
  version: Schema.String,
  digest: Schema.String,
  outcome: Schema.Literals(["started", "replaced", "unchanged"]),
  /** Why the container was replaced, such as `environment: LOG`; empty if it was not. */
  // Runs that older versions of jiji recorded do not have it.
  because: Schema.Array(Schema.String).pipe(Schema.withDecodingDefaultKey(Effect.succeed([]))),
  container: Schema.String,
  /**
   * The seconds in which nothing answered, because the old container had to stop before the new one could start. Absent
   * if the old one kept running until the new one was healthy.
   */
  gap: Schema.optionalKey(Schema.Finite)
})
export type Deployed = typeof Deployed.Type

/** The seconds that the slowest container of a service gets to stop. */
const stopTimeoutOf = (project: Project, service: Service, containers: ReadonlyArray<InspectedContainer>): number =>
  Math.max(
    0,
    ...containers
      .filter((container) => replicaOf(project, service, container) !== undefined)
      .map(({ stopTimeout = 0 }) => stopTimeout)
  )

interface State {
  readonly project: Project
  readonly server: ConnectedServer
  readonly work: Work
  readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
  readonly pulled?: PulledImage
  /** Default: the step prepares it. */
  readonly network?: Network
  /** The commit that is deployed, or how to find it. */
  readonly sourceCommit?: string
  readonly commit?: Effect.Effect<Option.Option<string>>
  /** What a rollback goes back to, by the service. By default, it is what is deployed now. */
  readonly definitions?: ReadonlyMap<string, KnownDefinition>
}

/** The address of a container that stops before its successor starts, which can have the same one then. */
const addressToKeep = (
  { server }: State,
  { subnet }: Network,
  { strategy }: typeof Start.Type | typeof Replace.Type,
  name: string
) => {
  const address = server.engine.containers.find((container) => container.name === name)?.address
  return strategy !== "beside" && address !== undefined && isInSubnet(address, subnet) ? address : undefined
}

/** How the proxy reaches a container of a service, if it is behind the proxy. */
export const upstreamOf = (
  project: Project,
  service: Service,
  replica: number,
  address: string
): Upstream | undefined => {
  const { drain = Duration.seconds(30), health, name, proxy } = service
  if (proxy === undefined) return undefined
  // A wildcard is no host that one can ask for.
  const host = proxy.hosts.find((each) => !each.startsWith("*")) ?? (proxy.hosts[0] ?? "").replace("*", "www")
  const file = upFile(project.name, name, replica)
  const { port } = proxy
  return { proxy: proxyName, file, address, port, drain, host, ...(health.request && { check: health.request }) }
}

/** The commit that is deployed, if git knows one. */
const commitOf = ({ commit, sourceCommit }: State): Effect.Effect<string | undefined> =>
  commit === undefined || sourceCommit !== undefined
    ? Effect.succeed(sourceCommit)
    : Effect.map(commit, Option.getOrUndefined)

/** What the containers of a service are created from, for a rollback to them. */
const definitionFor = Effect.fnUntraced(function* (state: State, version: string, pulled: PulledImage) {
  const { definitions, server, work } = state
  const { image, service } = work
  const given = definitions?.get(service.name)
  if (given !== undefined) return given
  const old = runningVersion(state.project, server, service)?.known
  const commit = yield* commitOf(state)
  const others = server.engine.containers.filter((each) => each.service !== service.name && each.record !== undefined)
  const made = yield* define({
    service,
    image: pulled.reference,
    digest: pulled.digest,
    version,
    built: image !== undefined,
    now: yield* Clock.currentTimeMillis,
    ...(commit !== undefined && { commit }),
    ...(old !== undefined && { before: old.id }),
    beside: Object.fromEntries(others.map(({ record = "", service }) => [service, record]))
  })
  // Only the values of secrets changed, or the container did not run.
  return old?.id === made.id ? old : made
})

/** Starts or replaces one container of a service. */
const replaceOne = Effect.fnUntraced(function* (
  state: State,
  planned: typeof Start.Type | typeof Replace.Type,
  pulled: PulledImage,
  network: Network,
  known: KnownDefinition
) {
  const { project, server, work } = state
  const { service } = work
  const { engine } = server
  const docker = yield* Docker
  const configuration = Redacted.value(planned.configuration)
  const names = service.environment.secrets
  const { settings = {} } = service
  const name = containerName(project, service, planned.replica)
  const { commit } = known.definition.deployed
  const replace = (address: string) => {
    const upstream = upstreamOf(project, service, planned.replica ?? 1, address)
    return docker.replace(server, {
      ...(upstream && { upstream }),
      engine: engine.name,
      project: project.name,
      service: service.name,
      name,
      digest: pulled.digest,
      facts: {
        ...definitionLabels(known),
        ...(commit !== undefined && { "jiji.commit": commit }),
        "jiji.because": asciiJson(planned._tag === "Replace" ? becauseOf(planned, pulled.digest) : [])
      },
      configuration: { hash: Redacted.make(configuration.hash), parts: Redacted.make(configuration.parts) },
      strategy: planned.strategy,
      runningFor: service.health.runningFor,
      timeout: service.health.timeout,
      ...(settings.restart !== undefined && { restart: settings.restart }),
      ...(settings.stop_timeout !== undefined && { stopTimeout: settings.stop_timeout }),
      oldStopTimeout: stopTimeoutOf(project, service, engine.containers),
      imageId: pulled.id,
      replaces: planned._tag === "Replace",
      container: containerSpec(project, service, {
        engine: engine.name,
        network: { name: network.name, alias: service.name, address },
        pulled,
        version: planned.version
      }),
      files: filesOf(service, state.secrets),
      secrets: new Map([...state.secrets].filter(([name]) => names.includes(name)))
    })
  }
  const other = otherAddress(network, server, name)
  const address = addressToKeep(state, network, planned, name) ?? network.addresses[name] ?? other
  if (address === undefined) {
    const { name, subnet } = network
    return yield* new AddressesUsedUp({ server: server.name, engine: engine.name, name, subnet })
  }
  const at = (used: string) => Effect.map(replace(used), (replaced) => ({ ...replaced, address: used }))
  return yield* Effect.catchTag(at(address), "AddressTaken", (error) =>
    other === undefined || other === address ? Effect.fail(error) : at(other)
  )
})

/** What happened to one container of a service. */
type Done = Pick<Deployed, "outcome" | "because" | "container" | "gap">

/** What happened to the containers of a service together. */
const together = (all: ReadonlyArray<Done>, removed: number): Done => {
  const has = (outcome: Done["outcome"]) => all.some((one) => one.outcome === outcome)
  const gaps = all.flatMap(({ gap }) => gap ?? [])
  return {
    outcome: has("replaced") || removed > 0 ? "replaced" : has("started") ? "started" : "unchanged",
    because: [
      ...new Set(all.flatMap(({ because }) => because)),
      ...(removed > 0 ? [`${removed} ${removed === 1 ? "replica" : "replicas"} removed`] : [])
    ],
    container: all[0]?.container ?? "",
    ...(gaps.length > 0 && { gap: Math.max(...gaps) })
  }
}

/**
 * Starts a service's new container on a server, and removes the old one once the new one is healthy. Replicas are replaced
 * one after another. Then those that are too many are removed.
 */
export const step = Step.make(
  "deploy",
  Effect.fnUntraced(function* (state: State) {
    const { project, pulled, server, work } = state
    const { engine } = server
    const { image, planned, replicas, service } = work
    const about = { service: service.name, server: server.name, because: [] }
    if (planned._tag !== "Keep" && pulled === undefined) {
      const deployed: Deployed = { ...about, version: "", digest: "", outcome: "unchanged", container: "" }
      return Step.skip("its image was not pulled", { deployed })
    }
    const docker = yield* Docker
    const all: Array<Done> = []
    let [removed, isNew, network] = [0, false, state.network]
    let known: KnownDefinition | undefined
    // Where the first replica runs, which gets the requests of those that are removed.
    let first = engine.containers.find((container) => container.name === containerName(project, service))?.address
    for (const one of replicas) {
      const name = containerName(project, service, one.replica)
      if (one._tag === "Keep") {
        all.push({ outcome: "unchanged", because: [], container: one.container })
        continue
      }
      if (one._tag === "Remove") {
        const upstream = first === undefined ? undefined : upstreamOf(project, service, one.replica, first)
        yield* docker.removeContainer(server, {
          engine: engine.name,
          project: project.name,
          service: service.name,
          name,
          ...(upstream && { upstream })
        })
        removed += 1
        continue
      }
      if (pulled === undefined) continue
      known ??= yield* definitionFor(state, one.version, pulled)
      network ??= yield* prepare(project, server, [name])
      const { address, gap, id, outcome } = yield* replaceOne(state, one, pulled, network, known)
      if (one.replica === undefined && outcome === "started") first = address
      isNew ||= outcome === "started"
      // Another deploy has done the same meanwhile, or the image is the one that runs.
      if (outcome !== "started") all.push({ outcome: "unchanged", because: [], container: id })
      else if (one._tag === "Start") all.push({ outcome: "started", because: [], container: id })
      else {
        const because = becauseOf(one, pulled.digest)
        all.push({ outcome: "replaced", because, container: id, ...(gap !== undefined && { gap }) })
      }
      if (replicas.length > 1) {
        yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text: `${name} is up to date` })
      }
    }
    if (isNew && known !== undefined && pulled !== undefined) {
      const old = runningVersion(project, server, service)
      const keep = keepVersion({ project, server, service, known, imageId: pulled.id, ...(old && { old }) })
      // Only images that jiji built: other containers may use those of other repositories.
      const tidy = docker.removeOldImages(server, {
        engine: engine.name,
        repository: image?.repository ?? "",
        retain: service.retain
      })
      yield* Step.inBackground(
        `keeping ${service.name} ${planned.version} for a rollback`,
        // A version that is dropped lets go of its image.
        Effect.gen(function* () {
          const kept = yield* Effect.exit(keep)
          if (image !== undefined) yield* Step.inBackground(`removing old images of ${service.name}`, tidy)
          return yield* kept
        })
      )
    }
    const { version } = planned
    const digest = planned._tag === "Keep" ? planned.digest : (pulled?.digest ?? "")
    const deployed: Deployed = { ...about, version, digest, ...together(all, removed) }
    return deployed.outcome === "unchanged" ? Step.skip("already up to date", { deployed }) : { deployed }
  }),
  {
    result: Schema.Struct({ deployed: Deployed }),
    // Somebody may have changed the containers since, or rolled them back.
    reuse: (_, { work }) => work.replicas.every(({ _tag }) => _tag === "Keep")
  }
)

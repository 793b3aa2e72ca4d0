import { Effect, Redacted, Schema } from "effect"
import type { Project } from "../config/Project.ts"
import { Docker } from "../layers/docker/Docker.ts"
import type { InspectedContainer } from "../layers/docker/inspect.ts"
import { AddressesUsedUp } from "../layers/docker/NetworkError.ts"
import * as Step from "../pipeline/Step.ts"
import type { ConnectedServer } from "./Connect.ts"
import { containerSpec } from "./containerSpec.ts"
import { type Network, otherAddress, prepare } from "./Network.ts"
import { becauseOf, containerName, containerNames, type Work } from "./Plan.ts"
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
  container: Schema.String
})
export type Deployed = typeof Deployed.Type

/** The seconds that the slowest of these containers gets to stop. */
const stopTimeoutOf = (containers: ReadonlyArray<InspectedContainer>, names: ReadonlyArray<string>): number =>
  Math.max(0, ...containers.filter(({ name }) => names.includes(name)).map(({ stopTimeout = 0 }) => stopTimeout))

/** Starts a service's new container on a server, and removes the old one once the new one is healthy. */
export const step = Step.make(
  "deploy",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: ConnectedServer
    readonly work: Work
    readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
    readonly pulled?: PulledImage
    /** Default: the step prepares it. */
    readonly network?: Network
  }) {
    const { project, pulled, server, work } = state
    const { engine } = server
    const { image, planned, service } = work
    const about = { service: service.name, server: server.name, because: [] }
    if (planned._tag === "Keep") {
      const { container, digest, version } = planned
      const deployed: Deployed = { ...about, version, digest, outcome: "unchanged", container }
      return Step.skip("already up to date", { deployed })
    }
    if (pulled === undefined) {
      const deployed: Deployed = { ...about, version: "", digest: "", outcome: "unchanged", container: "" }
      return Step.skip("its image was not pulled", { deployed })
    }
    const { strategy, version } = planned
    const configuration = Redacted.value(planned.configuration)
    const names = service.environment.secrets
    const { settings = {} } = service
    const docker = yield* Docker
    const name = containerName(project, service)
    const network = state.network ?? (yield* prepare(project, server, [name]))
    const replace = (address: string) =>
      docker.replace(server, {
        engine: engine.name,
        project: project.name,
        service: service.name,
        name,
        digest: pulled.digest,
        configuration: { hash: Redacted.make(configuration.hash), parts: Redacted.make(configuration.parts) },
        strategy,
        runningFor: service.health.runningFor,
        timeout: service.health.timeout,
        ...(settings.restart !== undefined && { restart: settings.restart }),
        ...(settings.stop_timeout !== undefined && { stopTimeout: settings.stop_timeout }),
        oldStopTimeout: stopTimeoutOf(engine.containers, containerNames(project, service)),
        imageId: pulled.id,
        replaces: planned._tag === "Replace",
        container: containerSpec(project, service, {
          engine: engine.name,
          network: { name: network.name, alias: service.name, address },
          pulled,
          version
        }),
        files: (service.files ?? []).flatMap(({ mode, source, target }) => {
          const content = source._tag === "Secret" ? state.secrets.get(source.name) : source.content
          return content === undefined ? [] : [{ mode, target, content }]
        }),
        secrets: new Map([...state.secrets].filter(([name]) => names.includes(name)))
      })
    const other = otherAddress(network, server, name)
    const address = network.addresses[name] ?? other
    if (address === undefined) {
      const { name, subnet } = network
      return yield* new AddressesUsedUp({ server: server.name, engine: engine.name, name, subnet })
    }
    const { id, outcome } = yield* Effect.catchTag(replace(address), "AddressTaken", (error) =>
      other === undefined || other === address ? Effect.fail(error) : replace(other)
    )
    // Only images that jiji built: other containers may use those of other repositories.
    if (image !== undefined && outcome === "started") {
      const old = { engine: engine.name, repository: image.repository, retain: service.retain }
      yield* Step.inBackground(`removing old images of ${service.name}`, docker.removeOldImages(server, old))
    }
    const done = { ...about, version, digest: pulled.digest, container: id }
    // Another deploy has done the same meanwhile, or the image is the one that runs.
    if (outcome === "unchanged") {
      const deployed: Deployed = { ...done, outcome }
      return Step.skip("already up to date", { deployed })
    }
    const deployed: Deployed =
      planned._tag === "Start"
        ? { ...done, outcome: "started" }
        : { ...done, outcome: "replaced", because: becauseOf(planned, pulled.digest) }
    return { deployed }
  }),
  { result: Schema.Struct({ deployed: Deployed }) }
)

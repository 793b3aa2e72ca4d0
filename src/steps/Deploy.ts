import { Effect, Redacted, Schema } from "effect"
import { print } from "../config/ImageReference.ts"
import type { Project } from "../config/Project.ts"
import { Docker } from "../layers/docker/Docker.ts"
import { AddressesUsedUp } from "../layers/docker/NetworkError.ts"
import * as Step from "../pipeline/Step.ts"
import type { ConnectedServer } from "./Connect.ts"
import { type Network, otherAddress, prepare } from "./Network.ts"
import { becauseOf, containerName, type Work } from "./Plan.ts"
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
        imageId: pulled.id,
        replaces: planned._tag === "Replace",
        container: {
          image: print(pulled.reference),
          network: { name: network.name, alias: service.name, address },
          labels: {
            "jiji.project": project.name,
            "jiji.service": service.name,
            "jiji.version": version,
            "jiji.digest": pulled.digest
          },
          ports: service.ports,
          volumes: service.volumes,
          environment: service.environment.clear,
          command: service.command ?? []
        },
        secrets: new Map([...state.secrets].filter(([name]) => names.includes(name)))
      })
    const other = otherAddress(network, server, name)
    const address = network.addresses[name] ?? other
    if (address === undefined) {
      const { name, subnet } = network
      return yield* new AddressesUsedUp({ server: server.name, engine: engine.name, name, subnet })
    }
    const { gap, id, outcome } = yield* Effect.catchTag(replace(address), "AddressTaken", (error) =>
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
        : {
            ...done,
            outcome: "replaced",
            because: becauseOf(planned, pulled.digest),
            ...(gap !== undefined && { gap })
          }
    return { deployed }
  }),
  { result: Schema.Struct({ deployed: Deployed }) }
)

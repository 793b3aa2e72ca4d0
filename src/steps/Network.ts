import { Effect, Schema } from "effect"
import type { Project } from "../config/Project.ts"
import { CurrentRun, Events } from "../core/Events.ts"
import { IsDryRun } from "../core/IsDryRun.ts"
import { Docker, type ServerEngine } from "../layers/docker/Docker.ts"
import { chooseAddresses } from "../layers/docker/network/addresses.ts"
import { AddressesUsedUp } from "../layers/docker/NetworkError.ts"
import * as Step from "../pipeline/Step.ts"
import type { ConnectedServer } from "./Connect.ts"
import { containerName, type Planned } from "./Plan.ts"

/** The network of a project on a server, with the addresses of the containers that a deploy starts there. */
export const Network = Schema.Struct({
  name: Schema.String,
  /** Such as `172.18.0.0/16`. */
  subnet: Schema.String,
  /** By the container's name. */
  addresses: Schema.Record(Schema.String, Schema.String)
})
export type Network = typeof Network.Type

/** The addresses of the project's containers, also of those that do not run. */
const takenOn = ({ containers }: ServerEngine): ReadonlyArray<string> =>
  containers.flatMap(({ address }) => (address === undefined ? [] : [address]))

/** Makes sure that a project's network exists on a server, and chooses the addresses of new containers there. */
export const prepare = Effect.fnUntraced(function* (
  project: Project,
  server: ConnectedServer,
  names: ReadonlyArray<string>
) {
  const { engine } = server
  const { name, subnet } = yield* (yield* Docker).network(server, { engine: engine.name, project: project.name })
  const taken = takenOn(engine)
  // A dry run prints the same addresses each time. Two deploys at the same time must not choose the same ones.
  const seed = (yield* IsDryRun) ? "" : yield* CurrentRun
  const addresses = chooseAddresses({ subnet, names, taken, seed })
  if (names.some((each) => addresses[each] === undefined)) {
    return yield* new AddressesUsedUp({ server: server.name, engine: engine.name, name, subnet })
  }
  const network: Network = { name, subnet, addresses }
  return network
})

/** Another address for a container, after the chosen one turned out to be in use. Undefined if none is left. */
export const otherAddress = (
  { addresses, subnet }: Network,
  { engine }: ConnectedServer,
  name: string
): string | undefined =>
  chooseAddresses({ subnet, names: [name], taken: [...takenOn(engine), ...Object.values(addresses)], seed: "other" })[
    name
  ]

/**
 * Makes sure that the project's network exists on a server: there, the project's containers find each other by the names of
 * their services. Chooses the addresses of new containers. Skipped if no container is started.
 */
export const step = Step.make(
  "network",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: ConnectedServer
    readonly plan: ReadonlyArray<Planned>
  }) {
    const { plan, project, server } = state
    const none: { readonly network?: Network } = {}
    const names = plan.flatMap((planned) => {
      if (planned._tag === "Keep" || planned._tag === "Remove") return []
      const service = project.services.find(({ name }) => name === planned.service)
      return service === undefined ? [] : [containerName(project, service, planned.replica)]
    })
    if (names.length === 0) return Step.skip("no container is started", none)
    const network = yield* prepare(project, server, names)
    yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text: `${network.name}, ${network.subnet}` })
    const added: { readonly network?: Network } = { network }
    return added
  }),
  // Another run may have taken the addresses since.
  { result: Schema.Struct({ network: Schema.optionalKey(Network) }), reuse: false }
)

import { Effect, type Redacted, Schema } from "effect"
import { randomBytes } from "node:crypto"
import type { Project, Server, Service } from "../../config/Project.ts"
import { defineError } from "../../core/defineError.ts"
import { networkName } from "../../layers/docker/network/network.ts"
import { Docker } from "../../layers/docker/Docker.ts"
import { settingsWords } from "../../layers/docker/settingsWords.ts"
import type { ExecTarget } from "../../layers/docker/exec/run.ts"
import { type InspectedContainer, stateText } from "../../layers/docker/inspect.ts"
import type { Session } from "../../layers/shell/session/runGuarded.ts"
import * as Step from "../../pipeline/Step.ts"
import type { ConnectedServer } from "../Connect.ts"
import { filesOf } from "../containerSpec.ts"
import type { OutputClosed } from "../LogsPipeline.ts"
import { containerName, containersOf, replicaNumbers } from "../Plan.ts"

/** The exit code of a command on a server. */
export interface Exited {
  readonly server: string
  readonly code: number
}

/** A server has no container of a service to run a command in. */
export class NoContainer extends defineError<NoContainer>()("NoContainer", {
  fields: {
    server: Schema.String,
    service: Schema.String,
    /** The container that was named, or the service's first one. */
    name: Schema.String,
    /** Absent if there is no container of that name. */
    state: Schema.optionalKey(Schema.String)
  },
  message: (e) =>
    e.state === undefined
      ? `There is no container ${e.name} on ${e.server}.`
      : `The container ${e.name} on ${e.server} does not run: it is ${e.state}.`,
  remedy: (e) =>
    e.state === undefined
      ? `Deploy first, or look where it runs: jiji ps ${e.service}`
      : `See why with \`jiji logs ${e.service} -H ${e.server}\`, or run the command in a new container of its image with --new.`,
  exitCode: "failed",
  sample: [
    { server: "web1", service: "web", name: "shop-web" },
    { server: "web1", service: "web", name: "shop-web", state: "restarting" }
  ]
}) {}

interface State {
  readonly project: Project
  readonly server: Server
  readonly connected: ConnectedServer
  readonly service: Service
  /** Default: the first one that runs. */
  readonly replica?: number
  /** Whether to use a new container of the same image. */
  readonly fresh: boolean
  readonly command: readonly [string, ...ReadonlyArray<string>]
  /** Of a fresh container. */
  readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
  readonly session: (server: Server) => Session<OutputClosed>
}

/** The containers to choose from: those that serve, by replica. */
const candidates = ({ connected, project, replica, service }: State): ReadonlyArray<InspectedContainer> =>
  (replica === undefined ? replicaNumbers(service) : [replica]).flatMap((number) =>
    containersOf(project, service, number, connected.engine.containers).slice(0, 1)
  )

const chosen = Effect.fnUntraced(function* (state: State) {
  const { fresh, project, replica, server, service } = state
  const all = candidates(state)
  const container = all.find(({ running }) => running) ?? all[0]
  const about = { server: server.name, service: service.name, name: containerName(project, service, replica) }
  if (container === undefined) return yield* new NoContainer(about)
  if (!fresh && !container.running) {
    return yield* new NoContainer({ ...about, name: container.name, state: stateText(container) })
  }
  return container
})

/** A new container like that of the service, which nobody takes for one of the service. */
const freshTarget = (
  { command, connected, project, secrets, service }: State,
  { imageId }: InspectedContainer
): ExecTarget => ({
  _tag: "Fresh",
  service: service.name,
  name: `${containerName(project, service)}-exec-${randomBytes(4).toString("hex")}`,
  container: {
    image: imageId,
    // It gets an address of its own, and nobody finds it under the service's name.
    network: { name: networkName(project.name), alias: "", address: "" },
    // Not those of the service: a proxy that is not jiji's may send requests to every container with its labels.
    labels: { "jiji.exec": `${project.name}/${service.name}` },
    ports: [],
    volumes: service.volumes,
    environment: service.environment.clear,
    command: [...(service.settings?.entrypoint?.slice(1) ?? []), ...command],
    options: settingsWords(connected.engine.name, service.settings)
  },
  files: filesOf(service, secrets),
  secrets: new Map([...secrets].filter(([name]) => service.environment.secrets.includes(name)))
})

/** Runs a command in a container of a service, connected to a session. */
export const step = Step.make(
  "exec",
  Effect.fnUntraced(function* (state: State) {
    const { command, connected, fresh, server } = state
    const container = yield* chosen(state)
    const { id, name } = container
    const target: ExecTarget = fresh ? freshTarget(state, container) : { _tag: "Running", id, name }
    const options = { engine: connected.engine.name, target, command }
    const code = yield* (yield* Docker).exec(server, options, state.session(server))
    const exited: Exited = { server: server.name, code }
    return { exited }
  })
)

import { Effect, type Redacted } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { Docker, type ServerEngine } from "../layers/docker/Docker.ts"
import { ServerProxy, type ProxyState } from "../layers/proxy/ServerProxy.ts"
import { proxiedOn } from "../layers/proxy/sites.ts"
import { type InspectedContainer, stateText } from "../layers/docker/inspect.ts"
import { Ssh } from "../layers/ssh/Ssh.ts"
import { Events } from "../core/Events.ts"
import * as Step from "../pipeline/Step.ts"
import { warnAboutNames } from "./hostNames.ts"
import { releaseName, replicaOf } from "./Plan.ts"
import { checkClaims, proxySites } from "./proxySites.ts"

/** A connected server, with its engine and the project's containers there. */
export interface ConnectedServer extends Server {
  readonly engine: ServerEngine
  /** The server's proxy. Absent if the project does not use it there. */
  readonly proxyState?: ProxyState
}

/** The project's containers, running or stopped, that deploy.yml does not place on this server. */
export const unexpectedContainers = (
  project: Project,
  server: Server,
  { containers }: ServerEngine
): ReadonlyArray<InspectedContainer> => {
  const here = project.services.filter(({ hosts }) => hosts.includes(server.name))
  const isExpected = (container: InspectedContainer) =>
    here.some(
      (each) =>
        each.name === container.service &&
        (replicaOf(project, each, container) !== undefined ||
          (each.release !== undefined && container.name === releaseName(project, each)))
    )
  return containers.filter((container) => !isExpected(container))
}

/** Whether jiji created a container for a service that deploy.yml does not place on this server. */
export const isOrphan = (project: Project, server: Server, { name, service }: InspectedContainer): boolean =>
  service !== "" &&
  name.startsWith(`${project.name}-${service}`) &&
  !project.services.some((each) => each.name === service && each.hosts.includes(server.name))

/** The services that have containers on a server where deploy.yml does not place them. */
export const orphansOn = (project: Project, server: ConnectedServer): ReadonlyArray<string> => [
  ...new Set(
    unexpectedContainers(project, server, server.engine)
      .filter((container) => isOrphan(project, server, container))
      .map(({ service }) => service)
  )
]

/** Connects to a server, and finds its engine and the project's containers there. */
export const find = Effect.fnUntraced(function* (project: Project, server: Server) {
  yield* (yield* Ssh).connect(server)
  const engine = yield* (yield* Docker).probe(server, project.engine, project.name)
  const text = `${engine.name} ${engine.version}, ${engine.architecture}`
  yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text })
  const connected: ConnectedServer = { ...server, engine }
  return { connected }
})

/**
 * Connects to a server, and finds its engine and the project's containers there. In a full deploy, it warns about
 * containers that deploy.yml does not place on this server.
 */
export const connect = Effect.fnUntraced(function* (state: {
  readonly project: Project
  readonly server: Server
  readonly isFullDeploy?: boolean
  readonly removeOrphans?: boolean
  readonly secrets?: ReadonlyMap<string, Redacted.Redacted<string>>
}) {
  const { project, server } = state
  const { publish } = yield* Events
  const { connected } = yield* find(project, server)
  const { engine } = connected
  const unexpected = state.isFullDeploy === true ? unexpectedContainers(project, server, engine) : []
  for (const container of unexpected) {
    const { name, service } = container
    const isOwn = isOrphan(project, server, container)
    if (isOwn && state.removeOrphans === true) continue
    const command = isOwn
      ? `jiji remove ${service} -H ${server.name}, or jiji deploy --remove-orphans`
      : `${engine.name} rm --force ${name}`
    const warning = `${name} is ${stateText(container)} here but is not in deploy.yml for this server. To remove it: ${command}`
    yield* publish({ _tag: "StepNoted", level: "warning", text: warning })
  }
  const usesProxy =
    proxiedOn(project, server.name).length > 0 || engine.containers.some(({ proxied }) => proxied === true)
  if (!usesProxy) return { connected }
  const proxy = yield* (yield* ServerProxy).read(server, { engine: engine.name, project: project.name })
  yield* Step.inBackground("looking up the host names", warnAboutNames(project, server, proxy))
  // Before anything changes on any server.
  yield* checkClaims(server.name, proxySites(state, server.name, proxy), proxy.sites)
  const withProxy: ConnectedServer = { ...connected, proxyState: proxy }
  return { connected: withProxy }
})

/** {@link connect} as a step. */
export const step = Step.make("connect", connect)

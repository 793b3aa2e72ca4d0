import { Effect } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { Docker, type ServerEngine } from "../layers/docker/Docker.ts"
import { type InspectedContainer } from "../layers/docker/inspect.ts"
import { Ssh } from "../layers/ssh/Ssh.ts"
import { Events } from "../core/Events.ts"
import * as Step from "../pipeline/Step.ts"

/** A server that is connected to, with what was found there. */
export interface ConnectedServer extends Server {
  readonly engine: ServerEngine
}

/** The project's containers that run on a server for services that deploy.yml does not put there. */
const strays = (project: Project, server: Server, { containers }: ServerEngine): ReadonlyArray<InspectedContainer> => {
  const here = project.services.filter(({ hosts }) => hosts.includes(server.name))
  return containers.filter(({ running, service }) => running && !here.some(({ name }) => name === service))
}

/**
 * Opens the connection to a server, and looks at its engine and at the project's containers there. In a
 * full deploy, warns of containers that deploy.yml does not place there.
 */
export const step = Step.make(
  "connect",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: Server
    readonly isFullDeploy?: boolean
  }) {
    const { project, server } = state
    const { publish } = yield* Events
    yield* (yield* Ssh).connect(server)
    const engine = yield* (yield* Docker).probe(server, project.engine, project.name)
    const text = `${engine.name} ${engine.version}, ${engine.architecture}`
    yield* publish({ _tag: "StepNoted", level: "info", text })
    for (const { name } of state.isFullDeploy === true ? strays(project, server, engine) : []) {
      const stray = `also runs ${name}, which deploy.yml does not put there; \`${engine.name} rm --force ${name}\` removes it`
      yield* publish({ _tag: "StepNoted", level: "warning", text: stray })
    }
    const connected: ConnectedServer = { ...server, engine }
    return { connected }
  })
)

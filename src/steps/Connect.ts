import { Effect } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { Docker, type ServerEngine } from "../layers/Docker.ts"
import { Ssh } from "../layers/Ssh.ts"
import { Events } from "../pipeline/Events.ts"
import * as Step from "../pipeline/Step.ts"

/** A server that is connected to, with what was found there. */
export interface ConnectedServer extends Server {
  readonly engine: ServerEngine
}

/** Opens the connection to a server, and looks at its engine and at the project's containers there. */
export const step = Step.make(
  "connect",
  Effect.fnUntraced(function* ({ project, server }: { readonly project: Project; readonly server: Server }) {
    yield* (yield* Ssh).connect(server)
    const engine = yield* (yield* Docker).probe(server, project.engine, project.name)
    const text = `${engine.name} ${engine.version}, ${engine.architecture}`
    yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text })
    const connected: ConnectedServer = { ...server, engine }
    return { connected }
  })
)

import { Effect, Schema } from "effect"
import type { Project, Server } from "../../config/Project.ts"
import { Docker } from "../../layers/docker/Docker.ts"
import * as Step from "../../pipeline/Step.ts"
import * as Connect from "../Connect.ts"
import { address } from "../doctor/Check.ts"
import { type ServerStatus, ServerStatus as Status, serverStatus } from "./status.ts"

/** What `jiji ps` begins with. */
export interface PsInput {
  /** The services and servers to show. */
  readonly project: Project
  /** All of deploy.yml, to find containers that it does not have. Without it, none are looked for. */
  readonly whole?: Project
  /** Whether to measure memory and processor time. */
  readonly stats: boolean
}

/** Asks a server for the project's containers. Never fails: the status says why the server cannot be asked. */
export const step = Step.make(
  "look",
  Effect.fnUntraced(function* (state: PsInput & { readonly server: Server }) {
    const { project, server, stats } = state
    const look = Effect.gen(function* () {
      const { connected } = yield* Connect.find(project, server)
      const { engine } = connected
      const running = engine.containers.filter((each) => each.running).map(({ id }) => id)
      const usage = stats ? yield* (yield* Docker).usage(server, engine.name, running) : new Map<string, never>()
      return serverStatus(state, engine, usage)
    })
    const status = yield* Effect.catch(look, ({ message, remedy }) =>
      Effect.succeed<ServerStatus>({
        name: server.name,
        address: address(server),
        services: [],
        unknown: [],
        error: { message, remedy }
      })
    )
    return { status }
  }),
  { result: Schema.Struct({ status: Status }) }
)

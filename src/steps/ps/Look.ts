import { Effect, Schema } from "effect"
import type { Project, Server } from "../../config/Project.ts"
import { Docker } from "../../layers/docker/Docker.ts"
import { listLocks } from "../../layers/lock/marks.ts"
import { ServerProxy } from "../../layers/proxy/ServerProxy.ts"
import { proxiedOn } from "../../layers/proxy/sites.ts"
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

type OnServer = PsInput & { readonly server: Server }

/** Asks for the lock and the maintenance while the server lists its containers, so that it takes no longer. */
const surroundings = Effect.fnUntraced(function* ({ project, server, whole = project }: OnServer) {
  const { engine, name } = project
  const usesProxy = proxiedOn(whole, server.name).length > 0
  const proxy = yield* ServerProxy
  const [locks, sites] = yield* Effect.all(
    [listLocks(server, name), usesProxy ? proxy.ownSites(server, { engine, project: name }) : Effect.succeed([])],
    { concurrency: "unbounded" }
  )
  return { locks, sites }
})

/** Asks a server for the project's containers. Never fails: the status says why the server cannot be asked. */
export const step = Step.make(
  "look",
  Effect.fnUntraced(function* (state: OnServer) {
    const { project, server, stats } = state
    const look = Effect.gen(function* () {
      const [{ connected }, around] = yield* Effect.all([Connect.find(project, server), surroundings(state)], {
        concurrency: "unbounded"
      })
      const { engine } = connected
      const running = engine.containers.filter((each) => each.running).map(({ id }) => id)
      const usage = stats ? yield* (yield* Docker).usage(server, engine.name, running) : new Map<string, never>()
      return serverStatus(state, engine, { ...around, usage })
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

import { type Duration, Effect, Schema } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { namePattern } from "../config/fields.ts"
import { suggest } from "../config/suggest.ts"
import { defineError } from "../core/defineError.ts"
import { joinWords } from "../core/text.ts"
import { Docker } from "../layers/docker/Docker.ts"
import { ServerProxy } from "../layers/proxy/ServerProxy.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import * as Connect from "./Connect.ts"
import * as Lock from "./Lock.ts"
import * as RemoveService from "./RemoveService.ts"
import * as Unroute from "./Unroute.ts"

/** What `jiji remove` begins with. */
export interface RemoveInput {
  readonly project: Project
  /** The names of the services to remove. They need not be in deploy.yml. Undefined means all. */
  readonly services: ReadonlyArray<string> | undefined
  /** Whether to remove the project's volumes, too. */
  readonly withVolumes: boolean
  /** How long to wait for the project's lock if somebody holds it. By default, the run fails at once. */
  readonly waitForLock?: Duration.Duration
}

/** A name is neither that of a service in deploy.yml nor that of one on the servers. */
export class UnknownService extends defineError<UnknownService>()("UnknownService", {
  fields: { names: Schema.Array(Schema.String), known: Schema.Array(Schema.String) },
  message: (e) =>
    `There is no service ${joinWords(e.names, "or")}; deploy.yml and the servers have ${joinWords(e.known)}.`,
  remedy: (e) => {
    const near = [...new Set(e.names.flatMap((name) => suggest(name, e.known) ?? []))]
    return near.length === 0 ? "Use one of these names." : `Did you mean ${joinWords(near, "or")}?`
  },
  exitCode: "usage",
  sample: { names: ["wbe"], known: ["web", "worker"] }
}) {}

/** A server, with the services of which it keeps versions for a rollback. */
interface FoundServer extends Connect.ConnectedServer {
  readonly keptServices: ReadonlyArray<string>
}

/** The services of the project that have a container on a server. */
const found = ({ engine, keptServices }: FoundServer): ReadonlyArray<string> =>
  [...engine.containers.map(({ service }) => service), ...keptServices].filter((name) => name !== "")

/** Connects to a server, and also finds the services that have nothing there but versions for a rollback. */
const connect = Step.make(
  "connect",
  Effect.fnUntraced(function* (state: RemoveInput & { readonly server: Server }) {
    const { project, server } = state
    const { connected } = yield* Connect.connect(state)
    const place = { engine: connected.engine.name, project: project.name }
    const kept = yield* (yield* Docker).keptVersions(server, place)
    const found: FoundServer = {
      ...connected,
      keptServices: kept.map(({ labels }) => labels["jiji.service"] ?? "").filter((name) => namePattern.test(name))
    }
    return { connected: found }
  })
)

type Connected = RemoveInput & { readonly connected: ReadonlyArray<FoundServer> }

const check = Step.make(
  "check",
  Effect.fnUntraced(function* ({ connected, project, services = [] }: Connected) {
    const known = [...new Set([...project.services.map(({ name }) => name), ...connected.flatMap(found)])]
    const names = services.filter((name) => !known.includes(name))
    if (names.length > 0) return yield* new UnknownService({ names, known })
  })
)

type OnServer = Connected & { readonly server: FoundServer }

/** The services to remove from a server: those that should be there, and those that are. */
const servicesOn = ({ project, server, services }: OnServer): ReadonlyArray<string> => {
  const here = project.services.filter(({ hosts }) => hosts.includes(server.name)).map(({ name }) => name)
  const all = [...new Set([...here, ...found(server)])]
  return services === undefined ? all : all.filter((name) => services.includes(name))
}

/** The server's proxy if it may serve the project although deploy.yml and the server have no service behind it any more. */
const leftProxy = Effect.fnUntraced(function* ({ project, server }: OnServer) {
  const proxy = yield* ServerProxy
  const left = proxy.read(server, { engine: server.engine.name, project: project.name })
  // Somebody else's container serves nothing of the project.
  return yield* Effect.catchTag(left, "ProxyForeign", () => Effect.undefined)
})

/** Takes the services of a server out of its proxy. */
const unroute = Step.make(
  "unroute",
  Effect.fnUntraced(function* (state: OnServer) {
    const isAll = state.services === undefined
    const proxyState = state.server.proxyState ?? (isAll ? yield* leftProxy(state) : undefined)
    const server = { ...state.server, ...(proxyState !== undefined && { proxyState }) }
    return yield* Unroute.step.run({ ...state, server, services: isAll ? undefined : servicesOn(state) })
  })
)

/** What `jiji remove` runs: nothing is removed before all servers are connected and locked, and all names are known. */
export const remove = Pipeline.make<RemoveInput>("remove").pipe(
  Pipeline.forEach({
    name: "connections",
    as: "server",
    items: ({ project }: RemoveInput) => project.servers,
    key: (server) => server.name,
    body: Pipeline.make<RemoveInput & { readonly server: Server }>("connection").pipe(Pipeline.step(connect)),
    collect: { as: "connected", value: ({ connected }) => connected }
  }),
  Pipeline.step(check),
  Pipeline.step(Lock.step),
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ connected }: Connected) => connected,
    key: (server) => server.name,
    body: Pipeline.make<OnServer>("server").pipe(
      Pipeline.step(unroute),
      Pipeline.forEach({
        name: "services",
        as: "service",
        items: servicesOn,
        key: (service) => service,
        body: Pipeline.make<OnServer & { readonly service: string }>("service").pipe(Pipeline.step(RemoveService.step))
      })
    )
  })
)

import { type Duration, Effect, Schema, Semaphore } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { defineError } from "../core/defineError.ts"
import { IsDryRun } from "../core/IsDryRun.ts"
import { joinWords } from "../core/text.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import * as Connect from "./Connect.ts"
import * as Availability from "./control/Availability.ts"
import * as Control from "./control/Control.ts"
import * as Lock from "./Lock.ts"
import { UnknownService } from "./RemovePipeline.ts"
import { rolloutOf } from "./rollout.ts"

/** What `jiji start`, `jiji stop` and `jiji restart` begin with. */
export interface ControlInput {
  readonly project: Project
  /** The names of the services. They need not be in deploy.yml. Undefined means all that are on the servers. */
  readonly services: ReadonlyArray<string> | undefined
  /** How long to wait for the project's lock if somebody holds it. By default, it fails at once. */
  readonly waitForLock?: Duration.Duration
}

/** A service to start, stop or restart has no container on any of the servers. */
export class NotDeployed extends defineError<NotDeployed>()("NotDeployed", {
  fields: { names: Schema.Array(Schema.String), servers: Schema.Array(Schema.String) },
  message: (e) => `No server has a container of ${joinWords(e.names, "or")}; jiji looked on ${joinWords(e.servers)}.`,
  remedy: "Run `jiji deploy` to create it, or choose other servers with -H. `jiji ps` shows what runs where.",
  exitCode: "failed",
  sample: { names: ["web"], servers: ["web1", "web2"] }
}) {}

type Connected = ControlInput & { readonly connected: ReadonlyArray<Connect.ConnectedServer> }
type OnServer = Connected & Checked & { readonly server: Connect.ConnectedServer }

/** What the check of the names adds. */
interface Checked {
  readonly turns: Availability.Turns
  /** The chosen services on each server. */
  readonly chosen: ReadonlyMap<string, ReadonlyArray<string>>
}

/** The chosen services that have a container on a server. */
const chosenOn = (
  { project, services }: ControlInput,
  server: Connect.ConnectedServer,
  isDryRun: boolean
): ReadonlyArray<string> => {
  const list = isDryRun ? Control.replicasInFile : Control.replicasOn
  const names = [...server.engine.containers.map(({ service }) => service), ...project.services.map(({ name }) => name)]
  return [...new Set(services ?? names)].filter((name) => list(project, server, name).length > 0)
}

/** Fails before anything changes if there is nothing to do something about. */
const check = Step.make(
  "check",
  Effect.fnUntraced(function* (state: Connected) {
    const { connected, project, services } = state
    const onServers = connected.flatMap(({ engine }) => engine.containers.map(({ service }) => service))
    const known = [
      ...new Set([...project.services.map(({ name }) => name), ...onServers.filter((name) => name !== "")])
    ]
    const unknown = (services ?? []).filter((name) => !known.includes(name))
    if (unknown.length > 0) return yield* new UnknownService({ names: unknown, known })
    const isDryRun = yield* IsDryRun
    const chosen = new Map(connected.map((server) => [server.name, chosenOn(state, server, isDryRun)]))
    const found = new Set([...chosen.values()].flat())
    const missing = services === undefined && found.size === 0 ? [project.name] : (services ?? [])
    const names = missing.filter((name) => !found.has(name))
    if (names.length > 0) return yield* new NotDeployed({ names, servers: connected.map(({ name }) => name) })
    const turns: Availability.Turns = new Map(connected.map(({ name }) => [name, Semaphore.makeUnsafe(1)]))
    return { turns, chosen }
  })
)

const servicesOn = ({ chosen, server }: OnServer): ReadonlyArray<string> => chosen.get(server.name) ?? []

const connected = <const Name extends string>(name: Name) =>
  Pipeline.make<ControlInput, Name>(name).pipe(
    Pipeline.step(Lock.step),
    Pipeline.forEach({
      name: "connections",
      as: "server",
      items: ({ project }: ControlInput) => project.servers,
      key: (server) => server.name,
      body: Pipeline.make<ControlInput & { readonly server: Server }>("connection").pipe(Pipeline.step(Connect.step)),
      collect: { as: "connected", value: ({ connected }) => connected }
    }),
    Pipeline.step(check)
  )

const dependenciesOf = (service: string, { project }: Pick<ControlInput, "project">): ReadonlyArray<string> =>
  project.services.find(({ name }) => name === service)?.dependsOn ?? []

type OfService = OnServer & { readonly service: string }

/** Lets the server's proxy send requests to a service again. */
const open = Pipeline.when({
  if: (state: OfService) => Availability.isServed(state, [state.service]),
  quiet: true,
  reason: "it is not behind the proxy",
  body: Availability.open
})

/** The services of a server. Each waits for those that it depends on. */
const services = {
  name: "services",
  as: "service",
  items: servicesOn,
  key: (service: string) => service,
  after: dependenciesOf
} as const

const startService = Pipeline.make<OfService>("service").pipe(Pipeline.step(Control.make("start")), open)
const restartService = Pipeline.make<OfService>("service").pipe(Pipeline.step(Control.make("restart")), open)

/** What `jiji start` runs: it starts containers as they are, on all servers at the same time. */
export const start = connected("start").pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ connected }: Connected) => connected,
    key: (server) => server.name,
    body: Pipeline.make<OnServer>("server").pipe(Pipeline.forEach({ ...services, body: startService }))
  })
)

/** What `jiji restart` runs: it restarts containers as they are, in the order of servers that `deploy` in deploy.yml says. */
export const restart = connected("restart").pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ connected }: Connected) => connected,
    key: (server) => server.name,
    strategy: ({ project }: ControlInput) => rolloutOf(project),
    body: Pipeline.make<OnServer>("server").pipe(Pipeline.forEach({ ...services, body: restartService }))
  })
)

/** Lets the server's proxy answer for the services that are about to stop. */
const close = Step.make("close", (state: OnServer) => Availability.close.run({ ...state, services: servicesOn(state) }))

/** What `jiji stop` runs: the proxy sends no more requests to the services, those that they have end, and then they stop. */
export const stop = connected("stop").pipe(
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ connected }: Connected) => connected,
    key: (server) => server.name,
    body: Pipeline.make<OnServer>("server").pipe(
      Pipeline.when({
        if: (state: OnServer) => Availability.isServed(state, servicesOn(state)),
        quiet: true,
        reason: "no service is behind the proxy",
        body: close
      }),
      Pipeline.forEach({
        name: "services",
        as: "service",
        items: servicesOn,
        key: (service) => service,
        // The other way round: those that depend on a service stop first.
        after: (service, { project }) =>
          project.services.flatMap(({ dependsOn = [], name }) => (dependsOn.includes(service) ? [name] : [])),
        body: Pipeline.make<OfService>("service").pipe(Pipeline.step(Control.make("stop")))
      })
    )
  })
)

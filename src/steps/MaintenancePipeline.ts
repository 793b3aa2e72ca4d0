import { type Duration, Effect, Schema, Struct } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { defineError } from "../core/defineError.ts"
import { Events } from "../core/Events.ts"
import { IsDryRun } from "../core/IsDryRun.ts"
import { joinWords } from "../core/text.ts"
import type { Maintenance, Site } from "../layers/proxy/sites.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import { applySites } from "./applySites.ts"
import * as Connect from "./Connect.ts"
import * as Lock from "./Lock.ts"
import { proxySites } from "./proxySites.ts"

/** What `jiji maintenance` begins with. */
export interface MaintenanceInput {
  /** The services and servers to change. */
  readonly project: Project
  /** What the proxy answers; undefined to end the maintenance. */
  readonly maintenance: Maintenance | undefined
  /** How long to wait for the project's lock if somebody holds it. By default, it fails at once. */
  readonly waitForLock?: Duration.Duration
}

/** None of the services is behind the proxy. */
export class NotProxied extends defineError<NotProxied>()("NotProxied", {
  fields: { services: Schema.Array(Schema.String) },
  message: (e) =>
    `${joinWords(e.services)} ${e.services.length === 1 ? "is" : "are"} not behind the proxy, so jiji cannot answer requests there.`,
  remedy: "Choose a service that has `proxy` in deploy.yml.",
  exitCode: "usage",
  sample: { services: ["worker"] }
}) {}

/** No server's proxy serves the services yet. */
export class NotServed extends defineError<NotServed>()("NotServed", {
  fields: { services: Schema.Array(Schema.String), servers: Schema.Array(Schema.String) },
  message: (e) => `The proxy on ${joinWords(e.servers, "or")} does not serve ${joinWords(e.services, "or")} yet.`,
  remedy: "Run `jiji deploy` first.",
  exitCode: "failed",
  sample: { services: ["web"], servers: ["web1"] }
}) {}

const proxiedServices = ({ project }: MaintenanceInput): ReadonlyArray<string> =>
  project.services.filter(({ proxy }) => proxy !== undefined).map(({ name }) => name)

const checkProxied = Step.make(
  "services",
  Effect.fnUntraced(function* (input: MaintenanceInput) {
    if (proxiedServices(input).length === 0) {
      return yield* new NotProxied({ services: input.project.services.map(({ name }) => name) })
    }
  })
)

type Connected = MaintenanceInput & { readonly connected: ReadonlyArray<Connect.ConnectedServer> }
type OnServer = Connected & { readonly server: Connect.ConnectedServer }

const sitesOn = (input: MaintenanceInput, { proxyState }: Connect.ConnectedServer): ReadonlyArray<Site> => {
  const names = proxiedServices(input)
  const own = proxyState?.sites.find(({ project }) => project === input.project.name)?.sites ?? []
  return own.filter(({ service }) => names.includes(service))
}

/** Fails before anything changes if no proxy serves any of it. */
const checkServed = Step.make(
  "check",
  Effect.fnUntraced(function* (state: Connected) {
    const { connected, maintenance } = state
    if (maintenance === undefined || (yield* IsDryRun) || connected.some((server) => sitesOn(state, server).length > 0))
      return
    return yield* new NotServed({ services: proxiedServices(state), servers: connected.map(({ name }) => name) })
  })
)

/** The services of a server whose maintenance was turned on or off. */
const Maintained = Schema.Struct({
  server: Schema.String,
  services: Schema.Array(Schema.String),
  on: Schema.Boolean
})

const isSame = (a: Maintenance | undefined, b: Maintenance | undefined): boolean =>
  a?.body === b?.body && a?.html === b?.html

const maintain = Step.make(
  "maintenance",
  Effect.fnUntraced(function* (state: OnServer) {
    const { maintenance, project, server } = state
    const names = proxiedServices(state)
    const on = maintenance !== undefined
    const maintained = { server: server.name, services: names, on }
    if (server.proxyState === undefined) return Step.skip("no proxy runs here", { maintained })
    const isDryRun = yield* IsDryRun
    const { about: services, did } = yield* applySites(project, server, server.proxyState, (before) => {
      const found = before.sites.find((each) => each.project === project.name)
      // A dry run asks no server.
      const old = isDryRun ? proxySites(state, server.name, before) : found
      const differs = (site: Site) => names.includes(site.service) && !isSame(site.maintenance, maintenance)
      const about = (old?.sites ?? []).filter(differs).map(({ service }) => service)
      if (old === undefined || about.length === 0) return Effect.succeed({ about })
      const change = (site: Site): Site => {
        if (!differs(site)) return site
        return on ? { ...site, maintenance } : Struct.omit(site, ["maintenance"])
      }
      const [first, ...others] = old.sites
      const sites = { ...old, sites: [change(first), ...others.map(change)] as const }
      return Effect.succeed({ about, apply: { sites, certificates: [] } })
    })
    const done = { maintained: { ...maintained, services } }
    if (did === "nothing") return Step.skip(on ? "already on" : "already off", done)
    const text = on
      ? `the proxy answers 503 for ${joinWords(services)}`
      : `the proxy sends requests to ${joinWords(services)} again`
    yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text })
    return done
  }),
  { result: Schema.Struct({ maintained: Maintained }) }
)

/** What `jiji maintenance` runs: it changes what the proxies answer, and no container. */
export const maintenance = Pipeline.make<MaintenanceInput>("maintenance").pipe(
  Pipeline.step(checkProxied),
  Pipeline.step(Lock.step),
  Pipeline.forEach({
    name: "connections",
    as: "server",
    items: ({ project }: MaintenanceInput) => project.servers,
    key: (server) => server.name,
    body: Pipeline.make<MaintenanceInput & { readonly server: Server }>("connection").pipe(Pipeline.step(Connect.step)),
    collect: { as: "connected", value: ({ connected }) => connected }
  }),
  Pipeline.step(checkServed),
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ connected }: Connected) => connected,
    key: (server) => server.name,
    body: Pipeline.make<OnServer>("server").pipe(Pipeline.step(maintain))
  })
)

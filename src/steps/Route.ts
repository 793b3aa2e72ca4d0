import { Effect, type Redacted, Schema } from "effect"
import type { Project } from "../config/Project.ts"
import { Docker } from "../layers/docker/Docker.ts"
import { ServerProxy, type ProxyState } from "../layers/proxy/ServerProxy.ts"
import { ProxyBusy } from "../layers/proxy/ProxyError.ts"
import { proxiedOn, withSites } from "../layers/proxy/sites.ts"
import * as Step from "../pipeline/Step.ts"
import { certificatesOf } from "./certificates.ts"
import type { ConnectedServer } from "./Connect.ts"
import { containerName, replicaNumbers } from "./Plan.ts"
import { checkClaims, proxySites } from "./proxySites.ts"

/** What a deploy did about the proxy of one server. */
const Routed = Schema.Struct({
  server: Schema.String,
  /** The host names that the project has there now. */
  hosts: Schema.Array(Schema.String),
  /** Whether the proxy had to load a new configuration. */
  reloaded: Schema.Boolean
})
type Routed = typeof Routed.Type

interface State {
  readonly project: Project
  readonly server: ConnectedServer
  readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
  readonly isFullDeploy?: boolean
  readonly proxyState?: ProxyState
}

/** How often other deploys may be faster before this one gives up. */
const attempts = 5

/** Where the project's proxied containers run now. */
const addresses = Effect.fnUntraced(function* ({ project, server }: State) {
  const { containers } = yield* (yield* Docker).probe(server, project.engine, project.name)
  return new Map(
    proxiedOn(project, server.name).flatMap((service) => {
      const replicas = replicaNumbers(service)
      return replicas.flatMap((replica) => {
        const container = containers.find(
          ({ name, running }) => running && name === containerName(project, service, replica)
        )
        return container?.address === undefined
          ? []
          : [[`${service.name}-${replica}`, `${container.address}:${service.proxy.port}`] as const]
      })
    })
  )
})

/** Tells the proxy where the project's containers run and which hosts they serve, and reloads it only if those differ. */
export const step = Step.make(
  "route",
  Effect.fnUntraced(function* (state: State) {
    const { project, proxyState, server } = state
    const none: { readonly routed?: Routed } = {}
    if (proxyState === undefined) return Step.skip("no service uses the proxy", none)
    const proxy = yield* ServerProxy
    const on = { engine: server.engine.name, project: project.name }
    const found = yield* addresses(state)
    let before = proxyState
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const sites = proxySites(state, server.name, before)
      yield* checkClaims(server.name, sites, before.sites)
      const known = before.up
      const up = new Map([...found].filter(([name, address]) => known.get(name) !== address))
      const old = before.sites.find((each) => each.project === project.name)
      const hosts = [...new Set((sites?.sites ?? []).flatMap((site) => site.hosts))]
      const routed = { server: server.name, hosts, reloaded: false }
      if (up.size === 0 && JSON.stringify(old) === JSON.stringify(sites)) {
        return Step.skip<{ readonly routed?: Routed }>("already up to date", { routed })
      }
      const did = yield* proxy.apply(server, {
        ...on,
        before,
        sites,
        all: withSites(before.sites, project.name, sites),
        certificates: certificatesOf(project, server.name, state.secrets),
        up
      })
      if (did !== "changed") {
        const done: { readonly routed?: Routed } = { routed: { ...routed, reloaded: did === "reloaded" } }
        return done
      }
      before = yield* proxy.read(server, on)
    }
    return yield* new ProxyBusy({ server: server.name })
  }),
  { result: Schema.Struct({ routed: Schema.optionalKey(Routed) }) }
)

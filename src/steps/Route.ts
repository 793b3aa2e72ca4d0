import { Effect, type Redacted, Schema } from "effect"
import type { Project } from "../config/Project.ts"
import { CurrentRun, Events } from "../core/Events.ts"
import { joinWords } from "../core/text.ts"
import { Docker } from "../layers/docker/Docker.ts"
import type { ProxyState } from "../layers/proxy/ServerProxy.ts"
import { proxiedOn } from "../layers/proxy/sites.ts"
import * as Step from "../pipeline/Step.ts"
import { applySites } from "./applySites.ts"
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

/** Where the project's proxied containers run that this run has not started. The script that starts one tells the proxy. */
const addresses = Effect.fnUntraced(function* ({ project, server }: State) {
  const run = yield* CurrentRun
  const all = yield* (yield* Docker).containers(server, { engine: server.engine.name, project: project.name })
  const containers = all.filter((container) => container.run !== run)
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
    const found = yield* addresses(state)
    let gone: ReadonlyArray<string> = []
    const { about, did } = yield* applySites(project, server, proxyState, (before) =>
      Effect.gen(function* () {
        const sites = proxySites(state, server.name, before)
        yield* checkClaims(server.name, sites, before.sites)
        const up = new Map([...found].filter(([name, address]) => before.up.get(name) !== address))
        const old = before.sites.find((each) => each.project === project.name)
        const hosts = [...new Set((sites?.sites ?? []).flatMap((site) => site.hosts))]
        const about = { server: server.name, hosts }
        gone = before.gone.map((each) => each.project)
        if (gone.length === 0 && up.size === 0 && JSON.stringify(old) === JSON.stringify(sites)) return { about }
        const certificates = certificatesOf(project, server.name, state.secrets)
        return { about, apply: { sites, certificates, up } }
      })
    )
    if (gone.length > 0) {
      const text = `the proxy no longer serves ${joinWords(gone)}: no container of it is left`
      yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text })
    }
    // The project's sites may have been read again meanwhile, but a deploy never ends or begins a maintenance.
    const quiet = (proxySites(state, server.name, proxyState)?.sites ?? []).filter(({ maintenance }) => maintenance)
    if (quiet.length > 0) {
      const text = `${joinWords(quiet.map(({ service }) => service))} in maintenance: the proxy answers 503 until \`jiji maintenance off\``
      yield* (yield* Events).publish({ _tag: "StepNoted", level: "warning", text })
    }
    const done: { readonly routed?: Routed } = { routed: { ...about, reloaded: did === "reloaded" } }
    return did === "nothing" ? Step.skip("already up to date", done) : done
  }),
  { result: Schema.Struct({ routed: Schema.optionalKey(Routed) }), reuse: false }
)

import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import { joinWords } from "../core/text.ts"
import { Events } from "../core/Events.ts"
import { ProxyBusy } from "../layers/proxy/ProxyError.ts"
import { ServerProxy } from "../layers/proxy/ServerProxy.ts"
import { type ProjectSites, withSites } from "../layers/proxy/sites.ts"
import * as Step from "../pipeline/Step.ts"
import type { ConnectedServer } from "./Connect.ts"

/** How often other deploys may be faster before this one gives up. */
const attempts = 5

/** The sites without those of some services; undefined if none is left. */
const without = (old: ProjectSites, services: ReadonlyArray<string>): ProjectSites | undefined => {
  const [first, ...others] = old.sites.filter(({ service }) => !services.includes(service))
  return first === undefined ? undefined : { ...old, sites: [first, ...others] }
}

/** Takes services out of a server's proxy, so that it sends no requests to containers that are about to be removed. */
export const step = Step.make(
  "unroute",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: ConnectedServer
    /** The names of the services. They need not be in deploy.yml. */
    readonly services: ReadonlyArray<string>
  }) {
    const { project, server, services } = state
    const proxy = yield* ServerProxy
    const on = { engine: server.engine.name, project: project.name }
    let before = server.proxyState
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const old = before?.sites.find((each) => each.project === project.name)
      const hosts = (old?.sites ?? []).flatMap((site) => (services.includes(site.service) ? site.hosts : []))
      if (before === undefined || old === undefined || hosts.length === 0)
        return Step.skip("the proxy serves none of it")
      const sites = without(old, services)
      const all = withSites(before.sites, project.name, sites)
      const did = yield* proxy.apply(server, { ...on, before, sites, all, certificates: [] })
      if (did !== "changed") {
        const text = `the proxy no longer serves ${joinWords([...new Set(hosts)])}`
        return yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text })
      }
      before = yield* proxy.read(server, on)
    }
    return yield* new ProxyBusy({ server: server.name })
  })
)

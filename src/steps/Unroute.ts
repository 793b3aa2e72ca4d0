import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import { joinWords } from "../core/text.ts"
import { Events } from "../core/Events.ts"
import type { ProjectSites } from "../layers/proxy/sites.ts"
import * as Step from "../pipeline/Step.ts"
import { applySites } from "./applySites.ts"
import type { ConnectedServer } from "./Connect.ts"

/** The sites without those of some services; undefined if none is left. */
const without = (old: ProjectSites, services: ReadonlyArray<string> | undefined): ProjectSites | undefined => {
  const [first, ...others] =
    services === undefined ? [] : old.sites.filter(({ service }) => !services.includes(service))
  return first === undefined ? undefined : { ...old, sites: [first, ...others] }
}

/** Takes services out of a server's proxy, so that it sends no requests to containers that are about to be removed. */
export const step = Step.make(
  "unroute",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: ConnectedServer
    /** The names of the services. They need not be in deploy.yml. Undefined means all that the proxy serves. */
    readonly services: ReadonlyArray<string> | undefined
  }) {
    const { project, server, services } = state
    const none = Step.skip("not behind the proxy")
    if (server.proxyState === undefined) return none
    const { about: hosts, did } = yield* applySites(project, server, server.proxyState, (before) => {
      const old = before.sites.find((each) => each.project === project.name)
      const about = (old?.sites ?? []).flatMap((site) => (services?.includes(site.service) === false ? [] : site.hosts))
      if (old === undefined || about.length === 0) return Effect.succeed({ about })
      return Effect.succeed({ about, apply: { sites: without(old, services), certificates: [] } })
    })
    if (did === "nothing") return none
    const text = `the proxy no longer serves ${joinWords([...new Set(hosts)])}`
    return yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text })
  })
)

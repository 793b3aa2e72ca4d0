import { Effect } from "effect"
import type { Project } from "../config/Project.ts"
import { ProxyBusy } from "../layers/proxy/ProxyError.ts"
import { type ApplyOptions, type ProxyState, ServerProxy } from "../layers/proxy/ServerProxy.ts"
import { withSites } from "../layers/proxy/sites.ts"
import type { ConnectedServer } from "./Connect.ts"

/** How often other deploys may be faster before this one gives up. */
const attempts = 5

/** What to change in a server's proxy, and what that means to the step. */
interface Change<A> {
  /** Absent if nothing has to change. */
  readonly apply?: Pick<ApplyOptions, "sites" | "certificates" | "up">
  readonly about: A
}

/**
 * Changes a project's sites in a server's proxy. If another deploy has changed the proxy meanwhile, decides again what to
 * change. Fails with ProxyBusy if that happens too often.
 */
export const applySites = Effect.fnUntraced(function* <A, E, R>(
  project: Project,
  server: ConnectedServer,
  known: ProxyState,
  change: (before: ProxyState) => Effect.Effect<Change<A>, E, R>
) {
  const proxy = yield* ServerProxy
  const on = { engine: server.engine.name, project: project.name }
  let before = known
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const { about, apply } = yield* change(before)
    if (apply === undefined) return { about, did: "nothing" as const }
    const all = withSites(before.sites, project.name, apply.sites)
    const did = yield* proxy.apply(server, { ...on, ...apply, before, all })
    if (did !== "changed") return { about, did }
    before = yield* proxy.read(server, on)
  }
  return yield* new ProxyBusy({ server: server.name })
})

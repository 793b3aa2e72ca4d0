import { Effect, type Semaphore, Struct } from "effect"
import type { Project } from "../../config/Project.ts"
import type { Site } from "../../layers/proxy/sites.ts"
import * as Step from "../../pipeline/Step.ts"
import { applySites } from "../applySites.ts"
import type { ConnectedServer } from "../Connect.ts"

interface State {
  readonly project: Project
  readonly server: ConnectedServer
}

/** Says to the server's proxy whether services are stopped. Changes nothing about services that it does not serve. */
const mark = Effect.fnUntraced(function* (
  { project, server }: State,
  services: ReadonlyArray<string>,
  isStopped: boolean
) {
  if (server.proxyState === undefined) return "nothing" as const
  const { did } = yield* applySites(project, server, server.proxyState, (before) => {
    const old = before.sites.find((each) => each.project === project.name)
    const differs = (site: Site) => services.includes(site.service) && (site.stopped === true) !== isStopped
    if (old === undefined || !old.sites.some(differs)) return Effect.succeed({ about: undefined })
    const change = (site: Site): Site => {
      if (!differs(site)) return site
      return isStopped ? { ...site, stopped: true } : Struct.omit(site, ["stopped"])
    }
    const [first, ...others] = old.sites
    const sites = { ...old, sites: [change(first), ...others.map(change)] as const }
    return Effect.succeed({ about: undefined, apply: { sites, certificates: [] } })
  })
  return did
})

/** By server: only one service changes its proxy at a time. */
export type Turns = ReadonlyMap<string, Semaphore.Semaphore>

/** Whether the server's proxy serves one of the services. */
export const isServed = ({ project, server }: State, services: ReadonlyArray<string>): boolean =>
  server.proxyState?.sites.some(
    (each) => each.project === project.name && each.sites.some(({ service }) => services.includes(service))
  ) === true

/** Lets the server's proxy answer 503 for services that are about to stop. */
export const close = Step.make(
  "close",
  Effect.fnUntraced(function* (state: State & { readonly services: ReadonlyArray<string> }) {
    return (yield* mark(state, state.services, true)) === "nothing"
      ? Step.skip("the proxy already answers 503")
      : undefined
  })
)

/** Lets the server's proxy send requests to a service again. */
export const open = Step.make(
  "open",
  Effect.fnUntraced(function* (state: State & { readonly service: string; readonly turns: Turns }) {
    const opening = mark(state, [state.service], false)
    const did = yield* state.turns.get(state.server.name)?.withPermits(1)(opening) ?? opening
    return did === "nothing" ? Step.skip("the proxy already serves it") : undefined
  })
)

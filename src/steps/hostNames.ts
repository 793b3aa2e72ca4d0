import { Effect, Option } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { Events } from "../core/Events.ts"
import { joinWords } from "../core/text.ts"
import { type ProxyState, ServerProxy } from "../layers/proxy/ServerProxy.ts"
import { proxiedOn } from "../layers/proxy/sites.ts"

/** The host names that need a certificate from an authority, and that the server's proxy does not serve yet. */
const newNames = (project: Project, server: string, { sites }: ProxyState): ReadonlyArray<string> => {
  const known = new Set(
    sites.filter((each) => each.project === project.name).flatMap((each) => each.sites.flatMap(({ hosts }) => hosts))
  )
  const wanted = proxiedOn(project, server).flatMap(({ proxy }) => (proxy.tls._tag === "Auto" ? proxy.hosts : []))
  return [...new Set(wanted)].filter((host) => !known.has(host))
}

/** Warns about new host names that do not lead to the server: no authority gives it a certificate for them. */
export const warnAboutNames = Effect.fnUntraced(function* (project: Project, server: Server, state: ProxyState) {
  const { publish } = yield* Events
  const { resolve } = yield* ServerProxy
  const names = newNames(project, server.name, state)
  if (names.length === 0) return
  const own = Option.getOrElse(yield* resolve(server.host), (): ReadonlyArray<string> => [])
  // An alias in ~/.ssh/config.
  if (own.length === 0) return
  const here = `${server.name} (${joinWords(own)})`
  yield* Effect.forEach(
    names,
    Effect.fnUntraced(function* (name) {
      const found = Option.getOrUndefined(yield* resolve(name))
      if (found === undefined || found.some((address) => own.includes(address))) return
      const text =
        found.length === 0
          ? `${name} has no address in DNS; it gets a certificate only when it leads to ${here}`
          : `${name} leads to ${joinWords(found)}, not to ${here}; it gets a certificate only when it leads there`
      yield* publish({ _tag: "StepNoted", level: "warning", text })
    }),
    { concurrency: 8, discard: true }
  )
})

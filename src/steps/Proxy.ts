import { Effect, type Redacted } from "effect"
import * as ImageReference from "../config/ImageReference.ts"
import type { Project } from "../config/Project.ts"
import { defaultProxyImage } from "../config/proxy.ts"
import { type Credentials, Docker } from "../layers/docker/Docker.ts"
import { portsOf } from "../layers/proxy/caddyConfig.ts"
import { imageFor } from "../layers/proxy/claims.ts"
import { ServerProxy, type ProxyState } from "../layers/proxy/ServerProxy.ts"
import { type ProjectSites, withSites } from "../layers/proxy/sites.ts"
import type { Forward } from "../layers/ssh/Ssh.ts"
import { Events } from "../core/Events.ts"
import * as Step from "../pipeline/Step.ts"
import type { ConnectedServer } from "./Connect.ts"
import { certificatesOf } from "./certificates.ts"
import { checkClaims, proxySites } from "./proxySites.ts"
import { sourceOfNamed, sourceOfPushed } from "./Pull.ts"
import type { PushedImage } from "./Push.ts"

interface State {
  readonly project: Project
  readonly server: ConnectedServer
  readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
  readonly isFullDeploy?: boolean
  readonly proxyImage?: PushedImage
  readonly tunnel?: Forward
  readonly credentials?: Credentials
}

/** The server's proxy as the rest of the deploy finds it. Absent if the project does not use it. */
interface Adds {
  readonly proxyState?: ProxyState
}

/** Gets the image of the proxy onto the server, unless the proxy that runs has it already. Returns its name there. */
const pullImage = Effect.fnUntraced(function* (state: State, image: string, current: ProxyState) {
  const { credentials, proxyImage, server } = state
  const { container } = current
  const engine = server.engine.name
  const named = yield* Effect.fromResult(ImageReference.parse(image))
  if (proxyImage === undefined) {
    if (container?.image !== image) {
      yield* (yield* Docker).pull(server, { engine, ...sourceOfNamed(credentials, named) })
    }
    return {
      reference: image,
      ...(container?.image === image && container.digest !== undefined && { digest: container.digest })
    }
  }
  // The same for all projects that ship it. A digest in the name would be that of another registry.
  const { digest, path, registry, tag = "latest" } = { ...named, digest: proxyImage.digest }
  const name = { ...(registry !== undefined && { registry }), path, tag }
  if (container?.digest !== digest) {
    const source = sourceOfPushed({ ...state, engine }, proxyImage, proxyImage.reference)
    yield* (yield* Docker).pull(server, { engine, ...source, name })
  }
  return { reference: ImageReference.print(name), digest }
})

/** Whether the proxy runs as the project wants it. */
const isCurrent = (state: State, image: string, current: ProxyState, ours: ProjectSites): boolean => {
  const { container, sites } = current
  const before = sites.find(({ project }) => project === ours.project)
  return (
    container?.running === true &&
    container.image === image &&
    (state.proxyImage === undefined || container.digest === state.proxyImage.digest) &&
    JSON.stringify(before) === JSON.stringify(ours)
  )
}

const notes = { running: "already runs", started: "was started", updated: "was updated" } as const

/**
 * Makes sure that the server's proxy runs, and that it accepts what the project wants of it. Nothing is routed yet: see
 * `Route.step`.
 */
export const step = Step.make(
  "proxy",
  Effect.fnUntraced(function* (state: State) {
    const { project, server } = state
    const { proxyState } = server
    const none: Adds = {}
    if (proxyState === undefined) return Step.skip("no service uses the proxy", none)
    const adds: Adds = { proxyState }
    const ours = proxySites(state, server.name, proxyState)
    if (ours === undefined) return Step.skip("no service uses the proxy now", adds)
    const others = withSites(proxyState.sites, project.name, undefined)
    const image = imageFor(ours.image, others, proxyState.container?.image, defaultProxyImage)
    if (isCurrent(state, image, proxyState, ours)) return Step.skip("already up to date", adds)

    const proxy = yield* ServerProxy
    const on = { engine: server.engine.name, project: project.name }
    const served = new Set(
      proxyState.container?.running === true ? portsOf([...proxyState.sites, ...proxyState.gone]) : []
    )
    const wanted = portsOf(withSites(proxyState.sites, project.name, ours))
    const pulled = yield* pullImage(state, image, proxyState)
    const did = yield* proxy.ensure(server, {
      ...on,
      ...pulled,
      label: image,
      ports: wanted.filter((port) => !served.has(port))
    })
    // Its volume may know more than nothing did.
    const now = did === "running" ? proxyState : yield* proxy.read(server, on)
    yield* checkClaims(server.name, ours, now.sites)
    yield* proxy.check(server, {
      ...on,
      before: now,
      sites: ours,
      all: withSites(now.sites, project.name, ours),
      certificates: certificatesOf(project, server.name, state.secrets)
    })
    const text = `the proxy ${notes[did]}`
    yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text })
    const updated: Adds = { proxyState: now }
    return updated
  })
)

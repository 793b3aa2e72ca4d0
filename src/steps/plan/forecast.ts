import { Effect, Redacted, Schema } from "effect"
import * as ImageReference from "../../config/ImageReference.ts"
import type { Project, Service } from "../../config/Project.ts"
import { joinWords } from "../../core/text.ts"
import { stateText } from "../../layers/docker/inspect.ts"
import type { Site } from "../../layers/proxy/sites.ts"
import { isBuilt } from "../Build.ts"
import { type ConnectedServer, isOrphan, unexpectedContainers } from "../Connect.ts"
import { mayHaveChanged, type OwnImage, plan, replicaNumbers, surplus, type Wanted } from "../Plan.ts"
import { proxySites } from "../proxySites.ts"
import { plannedReleases } from "../Releases.ts"

/** What a deploy would do about one container, or a release command. */
export const PlannedAction = Schema.Struct({
  service: Schema.String,
  /** Which of the service's containers on the server it is. */
  replica: Schema.Int,
  action: Schema.Literals(["keep", "start", "replace", "remove"]),
  /** Why it is replaced, such as `environment: LOG`; no values. */
  because: Schema.Array(Schema.String),
  /** An image that only a pull can compare, such as `nginx:1.27`: if its tag has moved, the container is replaced. */
  unless: Schema.optionalKey(Schema.String),
  /** Its image would be built: only the build shows whether it differs. */
  builds: Schema.optionalKey(Schema.Literal(true))
})
export type PlannedAction = typeof PlannedAction.Type

/** What a deploy would do on one server. */
export const ServerPlan = Schema.Struct({
  name: Schema.String,
  containers: Schema.Array(PlannedAction),
  /** Release commands that would run there. */
  releases: Schema.Array(Schema.Struct({ service: Schema.String, command: Schema.Array(Schema.String) })),
  /** What would change in the server's proxy. */
  proxy: Schema.Array(Schema.String),
  /** Services in maintenance, which a deploy does not end. */
  maintenance: Schema.Array(Schema.String),
  /** Containers of the project that deploy.yml does not place on this server. A deploy of everything finds them. */
  orphans: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      service: Schema.String,
      state: Schema.String,
      /** Whether `--remove-orphans` removes it. It leaves alone what somebody has copied from a service's container. */
      removable: Schema.Boolean
    })
  )
})
export type ServerPlan = typeof ServerPlan.Type

interface State {
  readonly project: Project
  readonly version: string
  readonly username?: string
  readonly isFullDeploy?: boolean
  readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
  readonly connected: ReadonlyArray<ConnectedServer>
}

/** The image of a service that jiji builds. Its digest is known if a container already runs this version. */
const imageFor = Effect.fnUntraced(function* (state: State, service: Service, digest: string | undefined) {
  if (!isBuilt(service)) return undefined
  const { project, username, version } = state
  const repository = yield* Effect.fromResult(
    ImageReference.ofService(project.registry, project.name, service.name, username)
  )
  const reference = yield* Effect.fromResult(ImageReference.withTag(repository, version))
  const image: OwnImage = { reference, version, ...(digest !== undefined && { digest }) }
  return image
})

/** The digest that runs somewhere under this version. The newest commit and its files are the version, so nothing is built. */
const digestOf = ({ connected, version }: State, service: Service): string | undefined =>
  connected
    .flatMap(({ engine }) => engine.containers)
    .find((each) => each.service === service.name && each.version === version && each.digest !== "")?.digest

const actionOf = (planned: Wanted, service: Service): PlannedAction => {
  const about = { service: planned.service, replica: planned.replica ?? 1 }
  if (planned._tag === "Keep") return { ...about, action: "keep", because: [] }
  const { image } = planned
  const builds = isBuilt(service) && image.digest === undefined ? { builds: true as const } : {}
  if (planned._tag === "Start") return { ...about, action: "start", because: [], ...builds }
  const unknown = mayHaveChanged(image.reference)
  const because = planned.because.flatMap((reason) => {
    if (reason !== unknown) return [reason]
    return isBuilt(service) ? [`image: ${planned.version} would be built`] : []
  })
  if (because.length > 0) return { ...about, action: "replace", because, ...builds }
  return { ...about, action: "keep", because: [], unless: ImageReference.print(image.reference) }
}

/** The decisions for the containers of a service on a server. */
const plannedOn = Effect.fnUntraced(function* (state: State, server: ConnectedServer, service: Service) {
  const image = yield* imageFor(state, service, digestOf(state, service))
  return replicaNumbers(service).map((number) =>
    plan(state.project, service, server.engine, image, state.secrets, number)
  )
})

/** What each site is called where something about it changes. */
const siteText = (site: Site): string =>
  `${site.service} (${site.hosts.join(", ")}${site.path === "/" ? "" : site.path})`

const proxyChanges = (state: State, { name, proxyState }: ConnectedServer): ReadonlyArray<string> => {
  if (proxyState === undefined) return []
  const before = proxyState.sites.find(({ project }) => project === state.project.name)
  const after = proxySites(state, name, proxyState)
  const had = new Map((before?.sites ?? []).map((site) => [site.service, site]))
  const has = new Map((after?.sites ?? []).map((site) => [site.service, site]))
  const texts = (title: string, sites: ReadonlyArray<Site>) =>
    sites.length === 0 ? [] : [`${title} ${joinWords(sites.map(siteText))}`]
  const changed = [...has.values()].filter((site) => {
    const old = had.get(site.service)
    return old !== undefined && JSON.stringify(old) !== JSON.stringify(site)
  })
  const settings = ({ sites: _sites, ...rest }: NonNullable<typeof after>) => JSON.stringify(rest)
  return [
    ...(after !== undefined && proxyState.container?.running !== true ? ["start the proxy"] : []),
    ...texts(
      "serve",
      [...has.values()].filter(({ service }) => !had.has(service))
    ),
    ...texts("change", changed),
    ...texts(
      "no longer serve",
      [...had.values()].filter(({ service }) => !has.has(service))
    ),
    ...(before !== undefined && after !== undefined && settings(before) !== settings(after)
      ? ["change its settings"]
      : [])
  ]
}

/** What a deploy would do on a server. */
export const forecast = Effect.fnUntraced(function* (state: State, server: ConnectedServer) {
  const { connected, project } = state
  const here = project.services.filter(({ hosts }) => hosts.includes(server.name))
  const planned = yield* Effect.forEach(here, (service) =>
    Effect.map(plannedOn(state, server, service), (all) => ({ service, all }))
  )
  const containers = planned.flatMap(({ all, service }): ReadonlyArray<PlannedAction> => [
    ...all.map((each) => actionOf(each, service)),
    ...surplus(project, service, server.engine).map(({ replica = 1 }) => ({
      service: service.name,
      replica,
      action: "remove" as const,
      because: ["deploy.yml wants fewer replicas"]
    }))
  ])
  // As `Release.step` decides, as far as it shows without building.
  const releases = plannedReleases(project)
    .filter((each) => each.server === server.name)
    .flatMap(({ service: name }) => {
      const found = planned.find(({ service }) => service.name === name)
      const next = found?.all.find(({ _tag }) => _tag !== "Keep")
      if (found === undefined || next === undefined || next._tag === "Keep") return []
      if (containers.every((each) => each.service !== name || each.action === "keep")) return []
      const { hash } = Redacted.value(next.configuration)
      const hasRun = connected.some(({ engine }) =>
        engine.containers.some(
          (each) => each.service === name && each.digest === next.image.digest && each.config === hash
        )
      )
      return hasRun ? [] : [{ service: name, command: found.service.release?.command ?? [] }]
    })
  const orphans = state.isFullDeploy === true ? unexpectedContainers(project, server, server.engine) : []
  const sites = server.proxyState?.sites.find((each) => each.project === project.name)?.sites ?? []
  const result: ServerPlan = {
    name: server.name,
    containers,
    releases,
    proxy: proxyChanges(state, server),
    maintenance: sites.filter(({ maintenance }) => maintenance !== undefined).map(({ service }) => service),
    orphans: orphans.map((container) => ({
      name: container.name,
      service: container.service,
      state: stateText(container),
      removable: isOrphan(project, server, container)
    }))
  }
  return result
})

/** Whether a deploy would change anything on a server. Orphans do not count: it only removes them with `--remove-orphans`. */
export const changes = ({ containers, proxy }: ServerPlan): boolean =>
  proxy.length > 0 || containers.some(({ action }) => action !== "keep")

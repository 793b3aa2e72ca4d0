import { Schema } from "effect"
import type { Project, Service } from "../config/Project.ts"
import { suggest } from "../config/suggest.ts"
import { defineError } from "../core/defineError.ts"
import { joinWords } from "../core/text.ts"
import type { KeptContainer } from "../layers/docker/kept/keptContainers.ts"
import type { ConnectedServer } from "./Connect.ts"
import { type KnownDefinition, readDefinition } from "./definition.ts"
import { definitionOf } from "./keepVersion.ts"
import { replicaOf } from "./Plan.ts"

/** A version of a service that a server has. */
export interface ServerVersion {
  readonly service: string
  readonly known: KnownDefinition
  readonly imageId: string
  /** The container that holds it. Absent if only the container that runs it shows it. */
  readonly kept?: KeptContainer
  /** Whether it is what runs. */
  readonly isCurrent: boolean
}

/** A server with the versions that it has, the newest first. */
export interface VersionedServer extends ConnectedServer {
  readonly versions: ReadonlyArray<ServerVersion>
}

const newestFirst = (a: ServerVersion, b: ServerVersion): number =>
  a.known.definition.deployed.at < b.known.definition.deployed.at ? 1 : -1

/** All versions of the project's services on a server. */
export const versionsOn = (
  project: Project,
  { engine }: ConnectedServer,
  all: ReadonlyArray<KeptContainer>
): ReadonlyArray<ServerVersion> => {
  const kept = all.flatMap((container) => {
    const known = definitionOf(container)
    return known === undefined ? [] : [{ container, known, service: container.labels["jiji.service"] ?? "" }]
  })
  const current = project.services.flatMap((service) => {
    const own = engine.containers.filter(
      (each) => each.service === service.name && replicaOf(project, service, each) !== undefined
    )
    const container = own.find(({ running }) => running) ?? own[0]
    const known = container === undefined ? undefined : readDefinition(container)
    if (container === undefined || known === undefined) return []
    return [{ service: service.name, known, imageId: container.imageId }]
  })
  const isCurrent = (service: string, { id }: KnownDefinition) =>
    current.some((each) => each.service === service && each.known.id === id)
  const isKept = (service: string, { id }: KnownDefinition) =>
    kept.some((each) => each.service === service && each.known.id === id)
  return [
    ...kept.map(({ container, known, service }): ServerVersion => ({
      service,
      known,
      imageId: container.imageId,
      kept: container,
      isCurrent: isCurrent(service, known)
    })),
    ...current
      .filter(({ known, service }) => !isKept(service, known))
      .map((each): ServerVersion => ({ ...each, isCurrent: true }))
  ].toSorted(newestFirst)
}

/** What a server goes back to, for one service. */
export interface Target {
  readonly service: Service
  readonly known: KnownDefinition
  readonly kept?: KeptContainer
  /** The image on this server. */
  readonly imageId: string
}

/** The targets of each server, by its name. Services that stay as they are have none. */
export type Targets = ReadonlyMap<string, ReadonlyArray<Target>>

/** No server has a version. */
export class UnknownVersion extends defineError<UnknownVersion>()("UnknownVersion", {
  fields: { version: Schema.String, services: Schema.Array(Schema.String), known: Schema.Array(Schema.String) },
  message: (e) =>
    e.known.length === 0
      ? `No server has version ${e.version} of ${joinWords(e.services, "or")}, or any other version to go back to.`
      : `No server has version ${e.version} of ${joinWords(e.services, "or")}; the servers have ${joinWords(e.known)}.`,
  remedy: (e) => {
    const near = suggest(e.version, e.known)
    return near === undefined
      ? "Choose one that `jiji versions` lists, or deploy that version again."
      : `Did you mean \`jiji rollback ${near}\`?`
  },
  exitCode: "usage",
  sample: { version: "4c1d9e0", services: ["web"], known: ["9f2c1ab", "77ab01f"] }
}) {}

/** Nothing was there before what runs, as far as jiji knows. */
export class NoVersionBefore extends defineError<NoVersionBefore>()("NoVersionBefore", {
  fields: { services: Schema.Array(Schema.String), servers: Schema.Array(Schema.String) },
  message: (e) =>
    `${joinWords(e.servers)} ${e.servers.length === 1 ? "has" : "have"} no version of ${joinWords(e.services)} from before the last deploy.`,
  remedy:
    "Use `jiji versions` to see what the servers have. jiji keeps a version when it deploys it; older releases of jiji kept none, and `docker system prune` removes them.",
  exitCode: "failed",
  sample: { services: ["web"], servers: ["web1"] }
}) {}

/** Some servers do not have a version that they should go back to. */
export class VersionGone extends defineError<VersionGone>()("VersionGone", {
  fields: {
    /** Services with their versions or records, such as `web 4c1d9e0`. */
    versions: Schema.Array(Schema.String),
    servers: Schema.Array(Schema.String),
    /** The servers that have everything that they should go back to. */
    others: Schema.Array(Schema.String)
  },
  message: (e) =>
    `${joinWords(e.servers)} ${e.servers.length === 1 ? "does" : "do"} not have ${joinWords(e.versions, "or")}. A server goes back only to a version that it kept itself.`,
  remedy: (e) =>
    e.others.length === 0
      ? "Choose a version that `jiji versions` lists, or deploy the version that you want."
      : `Deploy that version with \`jiji deploy\`, or roll back only the servers that have it: \`${e.others.map((name) => `-H ${name}`).join(" ")}\`.`,
  exitCode: "failed",
  sample: { versions: ["web 4c1d9e0"], servers: ["web2"], others: ["web1"] }
}) {}

/** The services of a project that run on a server. */
const servicesOn = (project: Project, server: string): ReadonlyArray<Service> =>
  project.services.filter(({ hosts }) => hosts.includes(server))

const currentOf = ({ versions }: VersionedServer, service: string): ServerVersion | undefined =>
  versions.find((each) => each.service === service && each.isCurrent)

/** Finds a version among those that a server has. */
const find = (
  { versions }: VersionedServer,
  service: string,
  matches: (version: ServerVersion) => boolean
): ServerVersion | undefined => versions.find((version) => version.service === service && matches(version))

/** Collects what each server goes back to, and what servers lack. */
const collect = () => {
  const targets = new Map<string, ReadonlyArray<Target>>()
  const gone: Array<{ readonly server: string; readonly version: string }> = []
  return {
    targets,
    /** `version` is what the server goes back to, `wanted` how an error names it. */
    add: ({ name }: VersionedServer, service: Service, version: ServerVersion | undefined, wanted: string) => {
      if (version === undefined) return void gone.push({ server: name, version: `${service.name} ${wanted}` })
      const { imageId, kept, known } = version
      targets.set(name, [...(targets.get(name) ?? []), { service, known, imageId, ...(kept && { kept }) }])
    },
    /** Undefined if no server lacks anything. */
    gone: (): VersionGone | undefined => {
      if (gone.length === 0) return undefined
      const servers = [...new Set(gone.map(({ server }) => server))]
      const others = [...targets.keys()].filter((name) => !servers.includes(name))
      return new VersionGone({ versions: [...new Set(gone.map(({ version }) => version))], servers, others })
    }
  }
}

/** To the version before the last deploy: of each service that this deploy changed, to what ran before it. */
const before = (project: Project, servers: ReadonlyArray<VersionedServer>): Targets | NoVersionBefore | VersionGone => {
  const running = servers.flatMap((server) =>
    servicesOn(project, server.name).flatMap((service) => {
      const current = currentOf(server, service.name)
      return current === undefined ? [] : [{ server, service, current }]
    })
  )
  const last = running.map(({ current }) => current).toSorted(newestFirst)[0]?.known.definition.deployed.run
  const changed = running.filter(({ current }) => current.known.definition.deployed.run === last)
  const { add, gone, targets } = collect()
  for (const { current, server, service } of changed) {
    const record = current.known.definition.before
    if (record === undefined) continue
    const found = find(server, service.name, ({ known }) => known.id === record)
    add(server, service, found, record)
  }
  const error = gone()
  if (error !== undefined) return error
  if (targets.size > 0) return targets
  const names = (changed.length === 0 ? project.services : changed.map(({ service }) => service)).map(
    ({ name }) => name
  )
  const on = changed.length === 0 ? servers : changed.map(({ server }) => server)
  return new NoVersionBefore({
    services: [...new Set(names)],
    servers: [...new Set(on.map(({ name }) => name))]
  })
}

/**
 * To a version, or to the record with this id: each service that has it, to it; and the others to what ran beside it. For a service that the same deploy
 * started with another version, that is this one. Another server can only name what a server goes back to, or lacks.
 */
const to = (
  project: Project,
  servers: ReadonlyArray<VersionedServer>,
  version: string
): Targets | UnknownVersion | VersionGone => {
  const all = servers.flatMap(({ versions }) => versions)
  const isIt = ({ known }: ServerVersion) => known.definition.version === version || known.id === version
  const { add, gone, targets } = collect()
  for (const server of servers) {
    const reference = (server.versions.find(isIt) ?? all.find(isIt))?.known.definition
    for (const service of servicesOn(project, server.name)) {
      const ofService = all.filter((each) => each.service === service.name)
      if (ofService.some(isIt)) {
        add(server, service, find(server, service.name, isIt), version)
        continue
      }
      if (reference === undefined) continue
      const isOfRun = ({ known }: ServerVersion) => known.definition.deployed.run === reference.deployed.run
      // The deploy may have found it unchanged here, and then an earlier one is what started it.
      const id = ofService.find(isOfRun)?.known.id ?? reference.beside[service.name]
      const found = find(server, service.name, isOfRun) ?? find(server, service.name, ({ known }) => known.id === id)
      if (found !== undefined || ofService.some(({ known }) => known.id === id)) {
        add(server, service, found, id ?? version)
      }
    }
  }
  const error = gone()
  if (error !== undefined) return error
  const services = project.services.map(({ name }) => name)
  if (targets.size > 0) return targets
  const own = all.filter(({ service }) => services.includes(service)).toSorted(newestFirst)
  const known = [...new Set(own.map(({ known }) => known.definition.version))]
  return new UnknownVersion({ version, services, known })
}

/** Decides what each server goes back to, or why none does. */
export const targetsOf = (
  project: Project,
  servers: ReadonlyArray<VersionedServer>,
  version: string | undefined
): Targets | UnknownVersion | NoVersionBefore | VersionGone =>
  version === undefined ? before(project, servers) : to(project, servers, version)

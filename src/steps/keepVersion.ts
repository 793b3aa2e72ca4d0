import { Effect } from "effect"
import type { Project, Service } from "../config/Project.ts"
import { Events } from "../core/Events.ts"
import { Docker } from "../layers/docker/Docker.ts"
import type { KeptContainer } from "../layers/docker/kept/keptContainers.ts"
import type { ConnectedServer } from "./Connect.ts"
import { replicaOf } from "./Plan.ts"
import { definitionLabels, keptLabels, keptName, type KnownDefinition, readDefinition } from "./definition.ts"

/** The definition that a kept container holds. Undefined if jiji did not write its labels. */
export const definitionOf = ({ labels }: Pick<KeptContainer, "labels">): KnownDefinition | undefined => {
  const [record, definition] = [labels["jiji.record"], labels["jiji.definition"]]
  return readDefinition({ ...(record !== undefined && { record }), ...(definition !== undefined && { definition }) })
}

/** What the container of a service was created from that runs, or else one that does not. Undefined if jiji does not know. */
export const runningVersion = (project: Project, { engine }: ConnectedServer, service: Service) => {
  const own = engine.containers.filter(
    (each) => each.service === service.name && replicaOf(project, service, each) !== undefined
  )
  const container = own.find(({ running }) => running) ?? own[0]
  const known = container === undefined ? undefined : readDefinition(container)
  return container === undefined || known === undefined ? undefined : { known, imageId: container.imageId }
}

/**
 * The containers of a service that are too many: kept are the versions that came before the one that runs, then the newest
 * ones, until they have `retain` different images; and of each image, as many configurations.
 */
export const surplusVersions = (
  all: ReadonlyArray<KeptContainer>,
  service: string,
  current: KnownDefinition,
  retain: number
): ReadonlyArray<KeptContainer> => {
  const own = all
    .flatMap((container) => {
      const known = container.labels["jiji.service"] === service ? definitionOf(container) : undefined
      return known === undefined ? [] : [{ container, known }]
    })
    .toSorted((a, b) => (a.known.definition.deployed.at < b.known.definition.deployed.at ? 1 : -1))
  const chain: Array<string> = []
  let next: string | undefined = current.id
  while (next !== undefined && !chain.includes(next)) {
    chain.push(next)
    const id: string = next
    next =
      id === current.id ? current.definition.before : own.find(({ known }) => known.id === id)?.known.definition.before
  }
  const rank = (id: string) => (chain.includes(id) ? chain.indexOf(id) : chain.length)
  const counts = new Map<string, number>()
  return own
    .toSorted((a, b) => rank(a.known.id) - rank(b.known.id))
    .filter(({ known: { definition } }) => {
      const count = counts.get(definition.digest) ?? 0
      if (count >= retain || (count === 0 && counts.size >= retain)) return true
      counts.set(definition.digest, count + 1)
      return false
    })
    .map(({ container }) => container)
}

/** Keeps the version of a service that was started, and the one before it, for `jiji rollback`; and drops old ones. */
export const keepVersion = Effect.fnUntraced(function* (options: {
  readonly project: Project
  readonly server: ConnectedServer
  readonly service: Service
  readonly known: KnownDefinition
  readonly imageId: string
  /** What ran before, if jiji knows. */
  readonly old?: { readonly known: KnownDefinition; readonly imageId: string }
}) {
  const { imageId, known, old, project, server, service } = options
  const docker = yield* Docker
  const place = { engine: server.engine.name, project: project.name }
  if (Object.keys(definitionLabels(known)).length === 0) {
    const text = `The configuration of ${service.name} is too long to be kept, so no rollback can go to this version.`
    return yield* (yield* Events).publish({ _tag: "StepNoted", level: "warning", text })
  }
  const name = (id: string) => keptName(project.name, service.name, id)
  const labels = keptLabels(service.name, known, service)
  let all = yield* docker.keepVersion(server, { ...place, name: name(known.id), imageId, labels })
  // Usually it was kept when it started.
  if (old !== undefined && old.known.id !== known.id && !all.some((each) => each.name === name(old.known.id))) {
    const before = { name: name(old.known.id), imageId: old.imageId, labels: keptLabels(service.name, old.known) }
    all = yield* docker.keepVersion(server, { ...place, ...before })
  }
  const surplus = surplusVersions(all, service.name, known, service.retain)
  if (surplus.length === 0) return
  yield* docker.dropVersions(
    server,
    place,
    surplus.map(({ id }) => id)
  )
})

import { Deferred, Effect } from "effect"
import type { Project, Service } from "../config/Project.ts"
import { Events } from "../core/Events.ts"
import type { Wait } from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import type { Work } from "./Plan.ts"

/** A release of this deploy: which services wait for it, and where it runs. */
export interface PlannedRelease {
  /** The service in whose container it runs. */
  readonly service: string
  readonly server: string
  /** All services that have this release, also that one. */
  readonly services: ReadonlyArray<string>
  /** Waits until it has ended. Returns why the services must not be replaced, if so. */
  readonly wait: Wait
  /** Ends it. Only the first call counts. */
  readonly end: (failure?: "failed" | "did not run") => Effect.Effect<void>
}

export type Releases = ReadonlyArray<PlannedRelease>

/** Returns the services so that each comes after those that it depends on. */
const inDependencyOrder = (services: ReadonlyArray<Service>): ReadonlyArray<Service> => {
  const sorted = new Set<Service>()
  const visited = new Set<Service>()
  const visit = (service: Service) => {
    if (visited.has(service)) return
    visited.add(service)
    for (const name of service.dependsOn ?? []) {
      for (const other of services.filter((each) => each.name === name)) visit(other)
    }
    sorted.add(service)
  }
  for (const service of services) visit(service)
  return [...sorted]
}

/** Services with the same image and the same command share a release. */
const identityOf = ({ release, source }: Service): string => JSON.stringify([source, release?.command])

/**
 * Decides which releases there are, and where each runs: on the first server of its services, in the first service there
 * whose dependencies do not wait for it.
 */
export const plannedReleases = (project: Project): Releases => {
  const groups = Map.groupBy(
    inDependencyOrder(project.services).filter(({ release }) => release !== undefined),
    identityOf
  )
  return [...groups.values()].flatMap((services): Releases => {
    const server = project.servers.find(({ name }) => services.some(({ hosts }) => hosts.includes(name)))?.name
    const service = services.find(({ hosts }) => server !== undefined && hosts.includes(server))?.name
    if (server === undefined || service === undefined) return []
    const ended = Deferred.makeUnsafe<string | undefined>()
    return [
      {
        service,
        server,
        services: services.map(({ name }) => name),
        wait: Deferred.await(ended),
        end: (failure) =>
          Effect.asVoid(
            Deferred.succeed(
              ended,
              failure && `not started because the release command of ${service} ${failure} on ${server}`
            )
          )
      }
    ]
  })
}

/** The release that runs in a service on a server. */
export const releaseIn = (releases: Releases | undefined, server: string, service: string) =>
  releases?.find((each) => each.server === server && each.service === service)

/** What a service waits for on a server before it is replaced. The service that a release runs in runs it itself. */
export const waitsOf = (releases: Releases | undefined, server: string, service: string): ReadonlyArray<Wait> =>
  releaseIn(releases, server, service) === undefined
    ? (releases ?? []).filter(({ services }) => services.includes(service)).map(({ wait }) => wait)
    : []

/**
 * Puts the services that releases run in first. If a server runs only some services at a time, those must not be kept
 * waiting by others that wait for the release.
 */
export const releasesFirst = (
  releases: Releases | undefined,
  server: string,
  work: ReadonlyArray<Work>
): ReadonlyArray<Work> => {
  if (releases === undefined) return work
  const runsOne = ({ service }: Work) => releaseIn(releases, server, service.name) !== undefined
  return [...work.filter(runsOne), ...work.filter((each) => !runsOne(each))]
}

/** Ends the releases of a server, or of a service there, that can no longer run, because its pipeline has ended. */
export const endReleases = (releases: Releases | undefined, server: string, service?: string): Effect.Effect<void> =>
  Effect.forEach(
    (releases ?? []).filter((each) => each.server === server && (service === undefined || each.service === service)),
    ({ end }) => end("did not run"),
    { discard: true }
  )

/** Decides on which server each release runs. */
export const step = Step.make(
  "releases",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    const releases = plannedReleases(project)
    const { publish } = yield* Events
    for (const { server, service, services } of releases) {
      const others = services.filter((name) => name !== service)
      const text = `of ${service} on ${server}${others.length === 0 ? "" : `, also for ${others.join(", ")}`}`
      yield* publish({ _tag: "StepNoted", level: "info", text })
    }
    return { releases }
  })
)

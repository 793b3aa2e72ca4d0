import { Effect, Exit, Redacted } from "effect"
import type { Project } from "../config/Project.ts"
import { Docker } from "../layers/docker/Docker.ts"
import * as Step from "../pipeline/Step.ts"
import type { ConnectedServer } from "./Connect.ts"
import { containerSpec, filesOf } from "./containerSpec.ts"
import { type Network, prepare } from "./Network.ts"
import { releaseName, replicaOf, type Work } from "./Plan.ts"
import type { PulledImage } from "./Pull.ts"
import { releaseIn, type Releases } from "./Releases.ts"

interface State {
  readonly project: Project
  readonly server: ConnectedServer
  readonly connected: ReadonlyArray<ConnectedServer>
  readonly work: Work
  readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
  readonly releases?: Releases
  readonly pulled?: PulledImage
  /** Default: the step prepares it. */
  readonly network?: Network
}

type Place = Pick<State, "project" | "server" | "work">

/** Whether an interrupted release of the service has left its container on the server. */
const hasLeftover = ({ project, server, work: { service } }: Place): boolean =>
  service.release !== undefined &&
  server.engine.containers.some(
    (container) => container.service === service.name && container.name === releaseName(project, service)
  )

/** Whether there is anything to do about a release of this service on this server. */
export const isNeeded = (state: Place & Pick<State, "releases">): boolean =>
  releaseIn(state.releases, state.server.name, state.work.service.name) !== undefined || hasLeftover(state)

/** Whether a container of the service has been started from this image with this configuration: then the release has run. */
const hasRun = ({ connected, project, work: { service } }: State, digest: string, config: string): boolean =>
  connected.some(({ engine }) =>
    engine.containers.some(
      (container) =>
        container.service === service.name &&
        replicaOf(project, service, container) !== undefined &&
        container.digest === digest &&
        container.config === config
    )
  )

/** Runs the release command of a service, or returns why it does not run. */
const run = Effect.fnUntraced(function* (state: State) {
  const { project, pulled, secrets, server, work } = state
  const { planned, service } = work
  const { release } = service
  if (release === undefined) return "it has no release command"
  if (planned._tag === "Keep") return "already up to date"
  if (pulled === undefined) return "its image was not pulled"
  if (hasRun(state, pulled.digest, Redacted.value(planned.configuration).hash)) {
    return "it has run for this image and configuration"
  }
  const network = state.network ?? (yield* prepare(project, server, []))
  const { version } = planned
  // It gets an address of its own, and nobody finds it under the service's name.
  const place = { name: network.name, alias: "", address: "" }
  yield* (yield* Docker).release(server, {
    engine: server.engine.name,
    project: project.name,
    service: service.name,
    name: releaseName(project, service),
    timeout: release.timeout,
    container: containerSpec(project, service, {
      engine: server.engine.name,
      network: place,
      pulled,
      version,
      command: release.command
    }),
    files: filesOf(service, secrets),
    secrets: new Map([...secrets].filter(([name]) => service.environment.secrets.includes(name)))
  })
  return undefined
})

/**
 * Runs the release command of a service, in a container of its own, before any container of the service is replaced.
 * Removes what an interrupted one has left.
 */
export const step = Step.make(
  "release",
  Effect.fnUntraced(function* (state: State) {
    const { project, releases, server, work } = state
    const { service } = work
    const planned = releaseIn(releases, server.name, service.name)
    const running =
      planned === undefined
        ? Effect.succeed("it runs on another server")
        : Effect.onExit(run(state), (exit) => planned.end(Exit.isSuccess(exit) ? undefined : "failed"))
    const reason = yield* running
    if (reason === undefined) return undefined
    if (hasLeftover(state)) {
      const leftover = { engine: server.engine.name, project: project.name, service: service.name }
      yield* (yield* Docker).removeRelease(server, { ...leftover, name: releaseName(project, service) })
    }
    return Step.skip(reason)
  })
)

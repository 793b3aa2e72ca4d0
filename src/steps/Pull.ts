import { Effect, type Redacted } from "effect"
import { canonical, registryOf } from "../config/ImageReference.ts"
import type { Project } from "../config/Project.ts"
import { type Credentials, Docker, type PullOptions } from "../layers/docker/Docker.ts"
import { ArchitectureMismatch } from "../layers/docker/DockerError.ts"
import type { Forward } from "../layers/ssh/Ssh.ts"
import * as Step from "../pipeline/Step.ts"
import type { ConnectedServer } from "./Connect.ts"
import { runsAlready, type Work } from "./Plan.ts"
import { type Amount, type Progress, reported, watched } from "./progress.ts"

/** An image on a server. */
export interface PulledImage {
  readonly id: string
  /** What its container is created from. */
  readonly reference: string
  readonly digest: string
}

interface State {
  readonly project: Project
  readonly server: ConnectedServer
  readonly work: Work
  readonly secrets: ReadonlyMap<string, Redacted.Redacted<string>>
  readonly tunnel?: Forward
  readonly credentials?: Credentials
}

/** What a server is asked to pull, and from where. */
const pulled = ({ credentials, project, server, tunnel, work }: State): Omit<PullOptions, "engine"> => {
  const { image, service } = work
  if (image === undefined) {
    // Only a built service has another source.
    const reference = service.source._tag === "Image" ? service.source.image : ""
    const ours = credentials !== undefined && registryOf(reference) === canonical(credentials.server)
    return { reference, verify: true, drop: false, ...(ours ? { credentials } : {}) }
  }
  if (project.registry.type === "remote") {
    const reference = `${image.repository}@${image.digest}`
    return { reference, name: image.reference, verify: true, drop: false, ...(credentials && { credentials }) }
  }
  const port = tunnel?.port ?? project.registry.port
  const name = image.repository.slice(image.repository.indexOf("/") + 1)
  return {
    reference: `localhost:${port}/${name}@${image.digest}`,
    name: image.reference,
    // Plain HTTP, between the server's loopback and this machine's, through SSH.
    verify: server.engine.name !== "podman",
    drop: port !== project.registry.port
  }
}

/** How much will go through the tunnel: known of a server's only image, where it has no older one to build on. */
const expected = ({ project, server, work }: State): { readonly total?: number } => {
  const built = project.services.filter(({ hosts, source }) => source._tag === "Build" && hosts.includes(server.name))
  const isNew = server.engine.containers.every(({ service }) => service !== work.service.name)
  const size = work.image?.size
  return built.length === 1 && isNew && size !== undefined ? { total: size } : {}
}

/** What goes through the tunnel from now on: for this service, and for others that are pulled at the same time. */
const carried = (tunnel: Forward, state: State) =>
  Effect.map(tunnel.carried, (before): Progress => ({
    label: "through the tunnel",
    amount: Effect.map(tunnel.carried, (bytes): Amount => ({ ...expected(state), bytes: bytes - before }))
  }))

/** Pulls a service's image onto a server, by its digest where jiji knows it. */
export const step = Step.make(
  "pull",
  Effect.fnUntraced(function* (state: State) {
    const { server, work } = state
    const { engine } = server
    const none: { readonly pulled?: PulledImage } = {}
    if (runsAlready(state, work)) return Step.skip("it runs there already", none)
    const built = work.image?.architecture
    if (built !== undefined && built !== engine.architecture) {
      const about = { server: server.name, service: work.service.name }
      return yield* new ArchitectureMismatch({ ...about, image: built, needed: engine.architecture })
    }
    const options = { engine: engine.name, ...pulled(state) }
    const { pull } = yield* Docker
    // What was not built here comes from somewhere else.
    const tunnel = work.image === undefined ? undefined : state.tunnel
    const { moved, progress } = reported("pulled")
    const image = yield* tunnel === undefined
      ? watched(progress, pull(server, { ...options, moved }))
      : // A pull does not notice that its tunnel is gone until its own time runs out.
        watched(yield* carried(tunnel, state), Effect.raceFirst(pull(server, options), tunnel.lost))
    const digest = work.image?.digest ?? image.repoDigests[0]?.split("@")[1] ?? image.id
    const result: PulledImage = { id: image.id, reference: options.name ?? options.reference, digest }
    return { pulled: result }
  })
)

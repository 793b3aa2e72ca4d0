import { Effect } from "effect"
import { joinWords } from "../core/text.ts"
import * as ImageReference from "../config/ImageReference.ts"
import type { Engine, Project } from "../config/Project.ts"
import { type Credentials, Docker, type PullOptions } from "../layers/docker/Docker.ts"
import { ArchitectureMismatch } from "../layers/docker/DockerError.ts"
import type { Forward } from "../layers/ssh/Ssh.ts"
import * as Step from "../pipeline/Step.ts"
import type { ConnectedServer } from "./Connect.ts"
import type { ServedRegistry } from "./ServeRegistry.ts"
import type { Work } from "./Plan.ts"
import type { PushedImage } from "./Push.ts"

/** An image on a server. */
export interface PulledImage {
  readonly id: string
  /** What its container is created from. */
  readonly reference: ImageReference.ImageReference
  readonly digest: string
}

interface State {
  readonly project: Project
  readonly server: ConnectedServer
  readonly work: Work
  readonly served?: ServedRegistry
  readonly tunnel?: Forward
  readonly credentials?: Credentials
}

/** What a server pulls of the project's registry, and from where. */
export const sourceOfPushed = (
  state: Pick<State, "project" | "tunnel" | "credentials"> & { readonly engine: Engine },
  image: PushedImage,
  planned: ImageReference.ImageReference
): Omit<PullOptions, "engine"> => {
  const { credentials, engine, project, tunnel } = state
  const pinned = ImageReference.withDigest(planned, image.digest)
  if (project.registry.type === "remote") {
    return { reference: pinned, name: planned, verify: true, drop: false, ...(credentials && { credentials }) }
  }
  const port = tunnel?.port ?? project.registry.port
  return {
    reference: { ...pinned, registry: `localhost:${port}` },
    name: planned,
    // Plain HTTP, between the server's loopback and this machine's, through SSH.
    verify: engine !== "podman",
    drop: port !== project.registry.port,
    // The services of a server share its tunnel, so count only what this one's repository sends.
    ...(tunnel !== undefined && {
      tunnel: { lost: tunnel.lost, carried: tunnel.carriedOf?.(planned.path) ?? tunnel.carried }
    })
  }
}

/** What a server pulls of a registry that is not the project's own, or may be. */
export const sourceOfNamed = (
  credentials: Credentials | undefined,
  reference: ImageReference.ImageReference
): Omit<PullOptions, "engine"> => {
  const isOurs =
    credentials !== undefined &&
    ImageReference.registryOf(reference) === ImageReference.canonicalRegistry(credentials.server)
  return { reference, verify: true, drop: false, ...(isOurs ? { credentials } : {}) }
}

/** What a server pulls, and from where. */
const source = (state: State, planned: ImageReference.ImageReference): Omit<PullOptions, "engine"> => {
  const { image } = state.work
  if (image === undefined) return sourceOfNamed(state.credentials, planned)
  const options = sourceOfPushed({ ...state, engine: state.server.engine.name }, image, planned)
  return options.tunnel === undefined ? options : { ...options, tunnel: { ...options.tunnel, ...expected(state) } }
}

/** How much goes through the tunnel: known of a server's only built image if it has no older one to build on. */
const expected = ({ project, server, work }: Pick<State, "project" | "server" | "work">) => {
  const built = project.services.filter(({ hosts, source }) => source._tag === "Build" && hosts.includes(server.name))
  // The size of several platforms says little about one of them.
  const size = work.image?.platforms === undefined ? work.image?.size : undefined
  return built.length === 1 && work.planned._tag === "Start" && size !== undefined ? { expectedBytes: size } : {}
}

/** How a pull fails if this machine's store is damaged: wrong bytes, no bytes, or a disk that refuses to read them. */
const isDamage = ({ _tag }: { readonly _tag: string }): boolean =>
  ["DigestMismatch", "ImageNotFound", "RegistryLost", "RegistryFailing"].includes(_tag)

/** Repairs the image in the local registry. Returns whether anything was repaired, so that another pull can succeed. */
const repair = Effect.fnUntraced(function* ({ served, work }: State) {
  if (work.image === undefined || served?.repair === undefined) return false
  return (yield* served.repair(work.image)).length > 0
})

/** What a built image runs on. */
const architecturesOf = ({ image }: Work): ReadonlyArray<string> | undefined =>
  image === undefined ? undefined : (image.platforms?.map((each) => each.architecture) ?? [image.architecture])

/** Pulls a service's image onto a server, by its digest if jiji knows it. */
export const step = Step.make(
  "pull",
  Effect.fnUntraced(function* (state: State) {
    const { server, work } = state
    const { engine } = server
    const { planned } = work
    const none: { readonly pulled?: PulledImage } = {}
    if (planned._tag === "Keep") return Step.skip("already up to date", none)
    const built = architecturesOf(work)
    if (built !== undefined && !built.includes(engine.architecture)) {
      return yield* new ArchitectureMismatch({
        server: server.name,
        service: planned.service,
        image: joinWords(built),
        needed: engine.architecture,
        ...(work.service.source._tag === "Build" && { hasPlatforms: work.service.source.platforms !== undefined })
      })
    }
    const options = source(state, planned.image.reference)
    const pull = (yield* Docker).pull(server, { engine: engine.name, ...options })
    const image = yield* Effect.catchIf(pull, isDamage, (error) =>
      Effect.flatMap(repair(state), (isRepaired) => (isRepaired ? pull : Effect.fail(error)))
    )
    const digest = planned.image.digest ?? image.digest
    const result: PulledImage = { id: image.id, reference: planned.image.reference, digest }
    return { pulled: result }
  })
)

import { Effect, Schema } from "effect"
import { isIPv4 } from "node:net"
import type { Engine } from "../../config/Project.ts"
import { isTag } from "../../config/ImageReference.ts"

/** docker prints ids with the algorithm, podman without it. */
const withAlgorithm = (id: string): string => (id.startsWith("sha256:") ? id : `sha256:${id}`)

const Image = Schema.Struct({
  Id: Schema.String,
  Architecture: Schema.String,
  Size: Schema.Int,
  RepoDigests: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
})

/** An image, as reported by the engine. */
export interface InspectedImage {
  readonly id: string
  readonly architecture: string
  /** The uncompressed size in bytes. */
  readonly size: number
  /** `repository@digest` for each repository from which it was pulled or to which it was pushed. */
  readonly repoDigests: ReadonlyArray<string>
}

const Container = Schema.Struct({
  Id: Schema.String,
  Name: Schema.String,
  Image: Schema.String,
  State: Schema.Struct({
    // Both engines print it. Scripted answers of tests may not.
    Status: Schema.optionalKey(Schema.String),
    // Docker says true also of a container that is paused, or that it is about to restart.
    Running: Schema.Boolean,
    Health: Schema.optionalKey(Schema.NullOr(Schema.Struct({ Status: Schema.String })))
  }),
  Config: Schema.Struct({ Labels: Schema.NullOr(Schema.Record(Schema.String, Schema.String)) }),
  HostConfig: Schema.optionalKey(Schema.Struct({ RestartPolicy: Schema.Struct({ Name: Schema.String }) }))
})

/** A container of a project, as reported by the engine. `service` and what follows are jiji's labels. */
export interface InspectedContainer {
  readonly id: string
  readonly name: string
  readonly imageId: string
  /** Such as `running`, `restarting`, `paused`, `exited`. */
  readonly status?: string
  /** The `status` is `running`. */
  readonly running: boolean
  /** Runs, and its health check does not fail. It may not have passed yet. */
  readonly healthy: boolean
  /** Such as `no`, `always`, `unless-stopped`. */
  readonly restartPolicy?: string
  readonly service: string
  readonly digest: string
  readonly config: string
  readonly parts: string
  readonly version: string
  /** Whether the proxy serves it, as far as the deploy that started it knows. */
  readonly proxied?: true
  /** The fixed address in the network of its project. Absent for containers of older versions of jiji. */
  readonly address?: string
}

/** What a person calls a container's state. */
export const stateText = ({ running, status }: Pick<InspectedContainer, "running" | "status">): string => {
  if (running) return "running"
  return status === "paused" || status === "restarting" ? status : "stopped"
}

const decodeImages = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.NonEmptyArray(Image)))
const decodeOneImage = Schema.decodeUnknownEffect(Schema.fromJsonString(Image))
const decodeInspected = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(Container)))
const decodeOneContainer = Schema.decodeUnknownEffect(Schema.fromJsonString(Container))

/** The restart policy of a container that has proved itself, as `replace.sh` sets it. */
export const provenPolicy = (engine: Engine): string => (engine === "podman" ? "always" : "unless-stopped")

// Anyone who may start containers on the server can write labels. So they are short, and safe to print.
const maxLabel = 255
const maxParts = 100_000
const printable = /^[\x20-\x7e]*$/

/** One of jiji's labels; empty if it is missing, or not one that jiji wrote. */
const readLabel = (value: string | undefined, limit: number): string =>
  value !== undefined && value.length <= limit && printable.test(value) ? value : ""

const imageOf = (image: typeof Image.Type): InspectedImage => ({
  id: withAlgorithm(image.Id),
  architecture: image.Architecture,
  size: image.Size,
  repoDigests: image.RepoDigests ?? []
})

const containerOf = (container: typeof Container.Type): InspectedContainer => {
  const label = (name: string, limit = maxLabel) => readLabel(container.Config.Labels?.[`jiji.${name}`], limit)
  const status = container.State.Status ?? (container.State.Running ? "running" : "exited")
  const running = status === "running"
  const version = label("version")
  const address = label("address")
  return {
    id: container.Id,
    name: container.Name.replace(/^\//, ""),
    imageId: withAlgorithm(container.Image),
    status,
    running,
    healthy: running && container.State.Health?.Status !== "unhealthy",
    // An engine's default may be an empty text.
    ...(container.HostConfig && { restartPolicy: container.HostConfig.RestartPolicy.Name || "no" }),
    service: label("service"),
    digest: label("digest"),
    config: label("config"),
    parts: label("parts", maxParts),
    version: isTag(version) ? version : "",
    ...(label("proxied") === "yes" && { proxied: true }),
    ...(isIPv4(address) && { address })
  }
}

/** Decodes the first image in the JSON of `image inspect`. */
export const decodeImage = (json: string): Effect.Effect<InspectedImage, Schema.SchemaError> =>
  Effect.map(decodeImages(json), ([image]) => imageOf(image))

/** Decodes an image in the JSON of docker's API. */
export const decodeApiImage = (json: string): Effect.Effect<InspectedImage, Schema.SchemaError> =>
  Effect.map(decodeOneImage(json), imageOf)

/** Decodes the containers in the JSON of `inspect`. */
export const decodeContainers = (json: string): Effect.Effect<ReadonlyArray<InspectedContainer>, Schema.SchemaError> =>
  Effect.map(decodeInspected(json), (all) => all.map(containerOf))

/** Decodes a container in the JSON of docker's API. */
export const decodeApiContainer = (json: string): Effect.Effect<InspectedContainer, Schema.SchemaError> =>
  Effect.map(decodeOneContainer(json), containerOf)

import { Effect, Schema } from "effect"

/** docker prints ids with their algorithm, podman without. */
const identity = (id: string): string => (id.startsWith("sha256:") ? id : `sha256:${id}`)

const Image = Schema.Struct({
  Id: Schema.String,
  Architecture: Schema.String,
  Size: Schema.Int,
  RepoDigests: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
})

/** An image as an engine describes it. */
export interface InspectedImage {
  readonly id: string
  readonly architecture: string
  /** Bytes, unpacked. */
  readonly size: number
  /** `repository@digest`, one for each repository that it came from or went to. */
  readonly repoDigests: ReadonlyArray<string>
}

const Container = Schema.Struct({
  Id: Schema.String,
  Name: Schema.String,
  Image: Schema.String,
  State: Schema.Struct({
    Running: Schema.Boolean,
    Health: Schema.optionalKey(Schema.NullOr(Schema.Struct({ Status: Schema.String })))
  }),
  Config: Schema.Struct({ Labels: Schema.NullOr(Schema.Record(Schema.String, Schema.String)) })
})

/** A container of a project as an engine describes it; what jiji labelled it with. */
export interface InspectedContainer {
  readonly id: string
  readonly name: string
  readonly imageId: string
  readonly running: boolean
  readonly healthy: boolean
  readonly service: string
  readonly digest: string
  readonly config: string
  readonly parts: string
  readonly version: string
}

const images = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.NonEmptyArray(Image)))
const containers = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(Container)))

/** The first image of `image inspect`'s JSON. */
export const decodeImage = (json: string): Effect.Effect<InspectedImage, Schema.SchemaError> =>
  Effect.map(images(json), ([image]) => ({
    id: identity(image.Id),
    architecture: image.Architecture,
    size: image.Size,
    repoDigests: image.RepoDigests ?? []
  }))

/** The containers of `inspect`'s JSON. */
export const decodeContainers = (json: string): Effect.Effect<ReadonlyArray<InspectedContainer>, Schema.SchemaError> =>
  Effect.map(containers(json), (all) =>
    all.map((container) => {
      const label = (name: string) => container.Config.Labels?.[`jiji.${name}`] ?? ""
      return {
        id: container.Id,
        name: container.Name.replace(/^\//, ""),
        imageId: identity(container.Image),
        running: container.State.Running,
        healthy: container.State.Running && !["unhealthy", "starting"].includes(container.State.Health?.Status ?? ""),
        service: label("service"),
        digest: label("digest"),
        config: label("config"),
        parts: label("parts"),
        version: label("version")
      }
    })
  )

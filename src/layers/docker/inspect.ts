import { Effect, Schema } from "effect"

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
    Running: Schema.Boolean,
    Health: Schema.optionalKey(Schema.NullOr(Schema.Struct({ Status: Schema.String })))
  }),
  Config: Schema.Struct({ Labels: Schema.NullOr(Schema.Record(Schema.String, Schema.String)) })
})

/** A container of a project, as reported by the engine. The last four fields are jiji's labels. */
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

const decodeImages = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.NonEmptyArray(Image)))
const decodeInspected = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(Container)))

/** Decodes the first image in the JSON of `image inspect`. */
export const decodeImage = (json: string): Effect.Effect<InspectedImage, Schema.SchemaError> =>
  Effect.map(decodeImages(json), ([image]) => ({
    id: withAlgorithm(image.Id),
    architecture: image.Architecture,
    size: image.Size,
    repoDigests: image.RepoDigests ?? []
  }))

/** Decodes the containers in the JSON of `inspect`. */
export const decodeContainers = (json: string): Effect.Effect<ReadonlyArray<InspectedContainer>, Schema.SchemaError> =>
  Effect.map(decodeInspected(json), (all) =>
    all.map((container) => {
      const label = (name: string) => container.Config.Labels?.[`jiji.${name}`] ?? ""
      return {
        id: container.Id,
        name: container.Name.replace(/^\//, ""),
        imageId: withAlgorithm(container.Image),
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

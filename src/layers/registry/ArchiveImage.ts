import { Effect, Option, Schema } from "effect"
import { type Archive, invalid } from "./Archive.ts"
import type { ArchiveInvalid, ArchiveProblem, StoreFailed } from "./RegistryError.ts"
import { type Compression, compressionOf } from "./Manifest.ts"
import { Digest, hex } from "./Names.ts"
import type { Content } from "./Store.ts"

/** The parts of an image in an archive, checked against each other. Layers are in order, the lowest first. */
export interface ArchiveImage {
  readonly config: Content
  readonly layers: ReadonlyArray<Content & { readonly compression: Compression }>
}

/** `manifest.json`, which docker's `save` always writes, and podman's where no other format is asked for. */
const DockerIndex = Schema.Array(
  Schema.Struct({ Config: Schema.String, Layers: Schema.NullOr(Schema.Array(Schema.String)) })
)

const Descriptor = Schema.Struct({
  digest: Digest,
  annotations: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})

/** An index or a manifest of an OCI layout. */
const OciNode = Schema.Struct({
  manifests: Schema.optionalKey(Schema.Array(Descriptor)),
  config: Schema.optionalKey(Descriptor),
  layers: Schema.optionalKey(Schema.Array(Descriptor))
})

const Config = Schema.Struct({
  rootfs: Schema.Struct({ diff_ids: Schema.optionalKey(Schema.NullOr(Schema.Array(Digest))) })
})

/** Where an image's parts are in an archive, and what an engine may call the image. */
interface Candidate {
  readonly ids: ReadonlyArray<string>
  readonly config: string
  readonly layers: ReadonlyArray<string>
}

const blob = (digest: string) => `blobs/sha256/${hex(digest)}`

const dockerImages = Effect.fnUntraced(function* (archive: Archive) {
  if (Option.isNone(archive.find("manifest.json"))) return []
  return yield* Effect.forEach(yield* archive.json("manifest.json", DockerIndex), (image) =>
    Effect.map(archive.file(image.Config), (config): Candidate => ({
      ids: [config.digest],
      config: image.Config,
      layers: image.Layers ?? []
    }))
  )
})

/** The images below a node of an OCI layout. What a node names need not be there: other platforms' images are not. */
const ociImages = (
  archive: Archive,
  path: string,
  ids: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Candidate>, ArchiveInvalid | StoreFailed> =>
  Effect.gen(function* () {
    if (Option.isNone(archive.find(path))) return []
    const node = yield* archive.json(path, OciNode)
    if (node.config !== undefined) {
      const { digest } = node.config
      return [
        { ids: [...ids, digest], config: blob(digest), layers: (node.layers ?? []).map((layer) => blob(layer.digest)) }
      ]
    }
    const below = (node.manifests ?? []).filter(
      // Build attestations are stored as images beside the image that they are about.
      (child) => child.annotations?.["vnd.docker.reference.type"] === undefined && !ids.includes(child.digest)
    )
    return (yield* Effect.forEach(below, (child) =>
      ociImages(archive, blob(child.digest), [...ids, child.digest])
    )).flat()
  })

/** Finds an image in an archive, and checks that it is whole. */
export const select = Effect.fnUntraced(function* (
  archive: Archive
): Effect.fn.Return<ArchiveImage, ArchiveInvalid | StoreFailed> {
  const fail = (problem: ArchiveProblem) => invalid(archive.imageId, problem)
  if ([archive.find("manifest.json"), archive.find("index.json")].every(Option.isNone)) {
    return yield* fail({ _tag: "FileMissing", path: "manifest.json" })
  }
  const images = [...(yield* dockerImages(archive)), ...(yield* ociImages(archive, "index.json", []))]
  const named = images.filter((image) => image.ids.includes(archive.imageId))
  const isWhole = (image: Candidate) =>
    [image.config, ...image.layers].every((path) => Option.isSome(archive.find(path)))
  const image = named.find(isWhole) ?? named[0]
  if (image === undefined) {
    return yield* fail({ _tag: "ImageMissing", found: [...new Set(images.flatMap((image) => image.ids.slice(-1)))] })
  }
  const config = yield* archive.file(image.config)
  const { rootfs } = yield* archive.json(image.config, Config)
  const diffIds = rootfs.diff_ids ?? []
  const layers = yield* Effect.forEach(image.layers, (path) =>
    Effect.map(archive.file(path), (content) => ({ path, content }))
  )
  if (layers.length !== diffIds.length) {
    const detail = `it names ${diffIds.length} layers where the archive has ${layers.length}`
    return yield* fail({ _tag: "FileInvalid", path: image.config, detail })
  }
  return {
    config,
    layers: yield* Effect.forEach(
      layers,
      Effect.fnUntraced(function* ({ content, path }, index) {
        const compression = compressionOf(content.magic)
        const diffId = diffIds[index]
        // A compressed layer is another blob than the one that its config names; who unpacks it checks that.
        if (compression === "none" && diffId !== content.digest) {
          return yield* fail({ _tag: "ContentMismatch", path, expected: diffId ?? "", actual: content.digest })
        }
        return { ...content, compression }
      })
    )
  }
})

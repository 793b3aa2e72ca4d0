import { Effect, Option, Schema } from "effect"
import { type Archive, archiveInvalid } from "./Archive.ts"
import type { ArchiveInvalid, ArchiveProblem, StoreFailed } from "./RegistryError.ts"
import { type Compression, detectCompression } from "./Manifest.ts"
import { Digest, hex } from "./Digest.ts"
import type { Content } from "./Store.ts"

/** The parts of an image in an archive, checked for consistency. Layers are in order, the base layer first. */
export interface ArchiveImage {
  readonly config: Content
  readonly layers: ReadonlyArray<Content & { readonly compression: Compression }>
}

/** `manifest.json`, which `docker save` always writes, and `podman save` in its default format. */
const DockerIndex = Schema.Array(
  Schema.Struct({ Config: Schema.String, Layers: Schema.NullOr(Schema.Array(Schema.String)) })
)

const Descriptor = Schema.Struct({
  digest: Digest,
  annotations: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})

/** An index or manifest of an OCI layout. */
const OciNode = Schema.Struct({
  manifests: Schema.optionalKey(Schema.Array(Descriptor)),
  config: Schema.optionalKey(Descriptor),
  layers: Schema.optionalKey(Schema.Array(Descriptor))
})

const Config = Schema.Struct({
  rootfs: Schema.Struct({ diff_ids: Schema.optionalKey(Schema.NullOr(Schema.Array(Digest))) })
})

/** An image in an archive: the paths of its parts, and the ids that an engine may use for it. */
interface Candidate {
  readonly ids: ReadonlyArray<string>
  readonly config: string
  readonly layers: ReadonlyArray<string>
}

const blobPath = (digest: string) => `blobs/sha256/${hex(digest)}`

const dockerImages = Effect.fnUntraced(function* (archive: Archive) {
  if (Option.isNone(archive.find("manifest.json"))) return []
  return yield* Effect.forEach(yield* archive.readJson("manifest.json", DockerIndex), (image) =>
    Effect.map(archive.requireFile(image.Config), (config): Candidate => ({
      ids: [config.digest],
      config: image.Config,
      layers: image.Layers ?? []
    }))
  )
})

/** Finds the images below a node of an OCI layout. A node may refer to missing images: those of other platforms. */
const ociImages = (
  archive: Archive,
  path: string,
  ids: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<Candidate>, ArchiveInvalid | StoreFailed> =>
  Effect.gen(function* () {
    if (Option.isNone(archive.find(path))) return []
    const node = yield* archive.readJson(path, OciNode)
    if (node.config !== undefined) {
      const { digest } = node.config
      return [
        {
          ids: [...ids, digest],
          config: blobPath(digest),
          layers: (node.layers ?? []).map((layer) => blobPath(layer.digest))
        }
      ]
    }
    const below = (node.manifests ?? []).filter(
      // BuildKit stores attestations as images next to the image that they describe.
      (child) => child.annotations?.["vnd.docker.reference.type"] === undefined && !ids.includes(child.digest)
    )
    return (yield* Effect.forEach(below, (child) =>
      ociImages(archive, blobPath(child.digest), [...ids, child.digest])
    )).flat()
  })

/** Finds the image in an archive and checks that it is complete. */
export const findImage = Effect.fnUntraced(function* (
  archive: Archive
): Effect.fn.Return<ArchiveImage, ArchiveInvalid | StoreFailed> {
  const fail = (problem: ArchiveProblem) => archiveInvalid(archive.imageId, problem)
  if ([archive.find("manifest.json"), archive.find("index.json")].every(Option.isNone)) {
    return yield* fail({ _tag: "FileMissing", path: "manifest.json" })
  }
  const images = [...(yield* dockerImages(archive)), ...(yield* ociImages(archive, "index.json", []))]
  const matching = images.filter((image) => image.ids.includes(archive.imageId))
  const isComplete = (image: Candidate) =>
    [image.config, ...image.layers].every((path) => Option.isSome(archive.find(path)))
  const image = matching.find(isComplete) ?? matching[0]
  if (image === undefined) {
    return yield* fail({ _tag: "ImageMissing", found: [...new Set(images.flatMap((image) => image.ids.slice(-1)))] })
  }
  const config = yield* archive.requireFile(image.config)
  const { rootfs } = yield* archive.readJson(image.config, Config)
  const diffIds = rootfs.diff_ids ?? []
  const layers = yield* Effect.forEach(image.layers, (path) =>
    Effect.map(archive.requireFile(path), (content) => ({ path, content }))
  )
  if (layers.length !== diffIds.length) {
    const detail = `it lists ${diffIds.length} layers, but the archive has ${layers.length}`
    return yield* fail({ _tag: "FileInvalid", path: image.config, detail })
  }
  return {
    config,
    layers: yield* Effect.forEach(
      layers,
      Effect.fnUntraced(function* ({ content, path }, index) {
        const compression = detectCompression(content.magic)
        const diffId = diffIds[index]
        // The config has the digest of the uncompressed layer. For a compressed layer, the engine that unpacks it checks that.
        if (compression === "none" && diffId !== content.digest) {
          return yield* fail({ _tag: "ContentMismatch", path, expected: diffId ?? "", actual: content.digest })
        }
        return { ...content, compression }
      })
    )
  }
})

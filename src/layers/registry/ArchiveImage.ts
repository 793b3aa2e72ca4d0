import { Effect, Option, Schema } from "effect"
import { type Archive, archiveInvalid } from "./Archive.ts"
import type { ArchiveInvalid, ArchiveProblem, StoreFailed } from "./RegistryError.ts"
import { type Compression, detectCompression } from "./Manifest.ts"
import { Digest, hex } from "./Digest.ts"
import type { Content, Store } from "./Store.ts"

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

/** The images below a node of an OCI layout. BuildKit stores attestations as images next to the image that they describe. */
const childrenOf = ({ manifests = [] }: typeof OciNode.Type) =>
  manifests.filter(({ annotations }) => annotations?.["vnd.docker.reference.type"] === undefined)

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
    const below = childrenOf(node).filter((child) => !ids.includes(child.digest))
    return (yield* Effect.forEach(below, (child) =>
      ociImages(archive, blobPath(child.digest), [...ids, child.digest])
    )).flat()
  })

/** Checks the layers of an image against its config. */
const check = Effect.fnUntraced(function* (
  archive: Archive,
  configPath: string,
  layers: ReadonlyArray<{ readonly path: string; readonly content: Content }>
): Effect.fn.Return<ArchiveImage, ArchiveInvalid | StoreFailed> {
  const fail = (problem: ArchiveProblem) => archiveInvalid(archive.imageId, problem)
  const { rootfs } = yield* archive.readJson(configPath, Config)
  const diffIds = rootfs.diff_ids ?? []
  if (layers.length !== diffIds.length) {
    const detail = `it lists ${diffIds.length} layers, but the archive has ${layers.length}`
    return yield* fail({ _tag: "FileInvalid", path: configPath, detail })
  }
  return {
    config: yield* archive.requireFile(configPath),
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

/** The path of an image's config, and the digests of its layers. */
interface Parts {
  readonly config: string
  readonly layers: ReadonlyArray<string>
}

/**
 * Reads the parts of an image from the file with this digest: its config, its manifest or its index. None if a file was not
 * read yet, and for an index of several images: only the whole archive shows which of them it has.
 */
const partsOf = (archive: Archive, digest: string): Effect.Effect<Option.Option<Parts>, ArchiveInvalid | StoreFailed> =>
  Effect.gen(function* () {
    const path = archive.pathOf(digest)
    if (path === undefined) return Option.none()
    const config = yield* Effect.option(archive.readJson(path, Config))
    if (Option.isSome(config)) return Option.some({ config: path, layers: config.value.rootfs.diff_ids ?? [] })
    const root = yield* archive.readJson(path, OciNode)
    if (root.config !== undefined) {
      const config = archive.pathOf(root.config.digest)
      const layers = (root.layers ?? []).map((layer) => layer.digest)
      return config === undefined ? Option.none() : Option.some({ config, layers })
    }
    const [child, ...others] = childrenOf(root)
    return child === undefined || others.length > 0 ? Option.none() : yield* partsOf(archive, child.digest)
  })

/**
 * Finds an image before its archive is read to the end, because the store has the rest of its layers. None if something is
 * missing, or if the archive had all of it anyway.
 */
export const findEarly = (store: Store) => {
  // Not asked for again after each file, because the store may have to read a whole blob to say no.
  const missing = new Set<string>()
  const inStore = Effect.fnUntraced(function* (digest: string) {
    const content = missing.has(digest) ? Option.none<Content>() : yield* store.findBlob(digest)
    if (Option.isNone(content)) missing.add(digest)
    return content
  })
  return Effect.fnUntraced(function* (archive: Archive): Effect.fn.Return<Option.Option<ArchiveImage>, StoreFailed> {
    const parts = partsOf(archive, archive.imageId)
    const found = yield* Effect.orElseSucceed(parts, () => Option.none<Parts>())
    if (Option.isNone(found)) return Option.none()
    const { config, layers } = found.value
    if (layers.every((digest) => archive.pathOf(digest) !== undefined)) return Option.none()
    const contents: Array<{ readonly path: string; readonly content: Content }> = []
    for (const digest of layers) {
      const path = archive.pathOf(digest)
      const content = path === undefined ? yield* inStore(digest) : archive.find(path)
      if (Option.isNone(content)) return Option.none()
      contents.push({ path: path ?? blobPath(digest), content: content.value })
    }
    return yield* Effect.option(check(archive, config, contents))
  })
}

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
  const layers = yield* Effect.forEach(image.layers, (path) =>
    Effect.map(archive.requireFile(path), (content) => ({ path, content }))
  )
  return yield* check(archive, image.config, layers)
})

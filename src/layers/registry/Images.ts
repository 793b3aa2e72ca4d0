import { Effect, Option, type Stream } from "effect"
import type { StoredImage } from "./LocalRegistry.ts"
import * as Archive from "./Archive.ts"
import * as ArchiveImage from "./ArchiveImage.ts"
import * as Manifest from "./Manifest.ts"
import { imageDigest } from "./Digest.ts"
import { isPath, isTag } from "../../config/ImageReference.ts"
import type { References } from "./References.ts"
import type { Store } from "./Store.ts"

/** An image by its id in the engine, and the repository and tag it gets here. */
export interface TaggedImage {
  readonly imageId: string
  readonly repository: string
  readonly tag: string
}

const toStoredImage = (digest: string, manifest: Manifest.Manifest, added: number): StoredImage => ({
  digest,
  imageId: manifest.config.digest,
  size: Manifest.totalSize(manifest),
  added,
  layers: manifest.layers.map(({ digest, size }) => ({ digest, size }))
})

/** Adds images to a store and finds them again. */
export const make = (store: Store, references: References) => {
  const checkName = Effect.fnUntraced(function* ({ repository, tag }: TaggedImage) {
    // Names become paths. jiji makes them from checked configuration, so an invalid one is a bug.
    if (!isPath(repository) || !isTag(tag))
      return yield* Effect.die(new Error(`Not an image name: ${repository}:${tag}`))
  })

  const find = Effect.fnUntraced(function* (image: TaggedImage) {
    yield* checkName(image)
    const digest = yield* references.manifestOfImage(imageDigest(image.imageId))
    if (Option.isNone(digest)) return Option.none<StoredImage>()
    const manifest = yield* Manifest.load(store, digest.value)
    if (Option.isNone(manifest)) return Option.none<StoredImage>()
    const parts = [manifest.value.config, ...manifest.value.layers]
    const present = yield* Effect.forEach(parts, (part) => store.hasBlob(part.digest, part.size), { concurrency: 8 })
    if (present.includes(false)) return Option.none<StoredImage>()
    yield* references.tag(image.repository, image.tag, digest.value)
    return Option.some(toStoredImage(digest.value, manifest.value, 0))
  })

  const add = Effect.fnUntraced(function* <E>(
    options: TaggedImage & { readonly archive: Stream.Stream<Uint8Array, E> }
  ) {
    yield* checkName(options)
    const imageId = imageDigest(options.imageId)
    const archive = yield* Archive.read({ imageId, archive: options.archive, store, references })
    const { config, layers } = yield* ArchiveImage.findImage(archive)
    const parts = new Map([config, ...layers].map((part) => [part.digest, part]))
    const added = yield* Effect.forEach(parts.values(), store.commit)
    // Write the blobs first, then the manifest, then the references, so that a reference never points to missing data.
    const { bytes, digest, manifest } = Manifest.make(config, layers)
    const refer = [...archive.layerIds].map(([id, layer]) => references.setLayerDigest(id, layer))
    yield* Effect.all([store.putBlob(bytes), ...refer], { concurrency: 8, discard: true })
    const name = [
      references.setManifestOfImage(imageId, digest),
      references.tag(options.repository, options.tag, digest)
    ]
    yield* Effect.all(name, { concurrency: 2, discard: true })
    return toStoredImage(
      digest,
      manifest,
      added.reduce((a, b) => a + b, 0)
    )
  }, Effect.scoped)

  return {
    find: (image: TaggedImage) => Effect.ensuring(find(image), store.flush),
    // Flush after all small files are written, including those written when the scope closes.
    add: <E>(image: TaggedImage & { readonly archive: Stream.Stream<Uint8Array, E> }) =>
      Effect.ensuring(add(image), store.flush)
  }
}

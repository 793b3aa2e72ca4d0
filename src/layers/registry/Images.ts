import { Effect, Option, Semaphore, type Stream } from "effect"
import type { StoredImage } from "./LocalRegistry.ts"
import * as Archive from "./Archive.ts"
import * as ArchiveImage from "./ArchiveImage.ts"
import * as Manifest from "./Manifest.ts"
import * as ManifestIndex from "./ManifestIndex.ts"
import { hex, imageDigest } from "./Digest.ts"
import { isPath, isTag } from "../../config/ImageReference.ts"
import type { References } from "./References.ts"
import { ImageCorrupted, StoreFailed } from "./RegistryError.ts"
import { messageOf } from "../../core/errorText.ts"
import type { Store } from "./Store.ts"

/** An image by its id in the engine, and the repository and tag it gets here. */
export interface TaggedImage {
  readonly imageId: string
  readonly repository: string
  readonly tag: string
  /** `PROJECT/SERVICE`, as another name of the repository. Ignored unless that is `PROJECT-SERVICE`. */
  readonly alias?: string
  /** Such as `linux/arm64`, for an image that gets no tag itself: the index that has it gets the tag. */
  readonly platform?: string
}

/** The images of an index, and the repository and tag it gets here. */
export interface TaggedIndex extends Omit<TaggedImage, "imageId" | "platform"> {
  /** The platforms, and the digests of the manifests. */
  readonly images: ReadonlyArray<{ readonly platform: string; readonly digest: string }>
}

/** An image that may be damaged: the digest of its manifest, and where to import it from. */
interface DamagedImage<E> extends TaggedImage {
  readonly digest: string
  readonly archive: Stream.Stream<Uint8Array, E>
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
  const checkName = Effect.fnUntraced(function* ({ alias, repository, tag }: Omit<TaggedImage, "imageId">) {
    // Names become paths. jiji makes them from checked configuration, so an invalid one is a bug.
    for (const name of [repository, ...(alias === undefined ? [] : [alias])]) {
      if (!isPath(name) || !isTag(tag)) return yield* Effect.die(new Error(`Not an image name: ${name}:${tag}`))
    }
  })

  /** Names an image, unless that is left to its index. */
  const name = ({ alias, platform, repository, tag }: TaggedImage, digest: string) =>
    platform === undefined ? references.tag(repository, tag, digest, alias) : references.add(repository, digest)

  const find = Effect.fnUntraced(function* (image: TaggedImage) {
    yield* checkName(image)
    const digest = yield* references.manifestOfImage(imageDigest(image.imageId))
    if (Option.isNone(digest)) return Option.none<StoredImage>()
    const manifest = yield* Manifest.load(store, digest.value)
    if (Option.isNone(manifest)) return Option.none<StoredImage>()
    const parts = [manifest.value.config, ...manifest.value.layers]
    const present = yield* Effect.forEach(parts, (part) => store.hasBlob(part.digest, part.size), { concurrency: 8 })
    if (present.includes(false)) return Option.none<StoredImage>()
    yield* name(image, digest.value)
    return Option.some(toStoredImage(digest.value, manifest.value, 0))
  })

  const add = Effect.fnUntraced(function* <E>(
    options: TaggedImage & { readonly archive: Stream.Stream<Uint8Array, E> }
  ) {
    yield* checkName(options)
    const imageId = imageDigest(options.imageId)
    let known = Option.none<ArchiveImage.ArchiveImage>()
    const findEarly = ArchiveImage.findEarly(store)
    const isEnough = (archive: Archive.Archive) =>
      Effect.map(findEarly(archive), (found) => Option.isSome((known = found)))
    const archive = yield* Archive.read({ imageId, archive: options.archive, store, references, isEnough })
    const { config, layers } = Option.isSome(known) ? known.value : yield* ArchiveImage.findImage(archive)
    const parts = new Map([config, ...layers].map((part) => [part.digest, part]))
    const added = yield* Effect.forEach(parts.values(), store.commit)
    // Write the blobs first, then the manifest, then the references, so that a reference never points to missing data.
    const { bytes, digest, manifest } = Manifest.make(config, layers)
    const referToLayers = [...archive.layerIds].map(([id, layer]) => references.setLayerDigest(id, layer))
    yield* Effect.all([store.putBlob(bytes), ...referToLayers], { concurrency: 8, discard: true })
    const referToManifest = [references.setManifestOfImage(imageId, digest), name(options, digest)]
    yield* Effect.all(referToManifest, { concurrency: 2, discard: true })
    return toStoredImage(
      digest,
      manifest,
      added.reduce((a, b) => a + b, 0)
    )
  }, Effect.scoped)

  const addIndex = Effect.fnUntraced(function* (options: TaggedIndex) {
    yield* checkName(options)
    const manifests = yield* Effect.forEach(options.images, ({ digest, platform }) =>
      Effect.map(Effect.all([store.readBlob(digest), Manifest.load(store, digest)]), ([bytes, manifest]) => {
        // They have just been added or found.
        if (Option.isNone(bytes) || Option.isNone(manifest)) throw new Error(`the store has no manifest ${digest}`)
        return { manifest: manifest.value, child: { platform, digest, size: bytes.value.length } }
      })
    )
    const { bytes, digest } = ManifestIndex.make(
      manifests.map(({ child, manifest: { mediaType } }) => ({ ...child, mediaType }))
    )
    // A damaged one is written again, and so is one that has disappeared.
    const isIntact = yield* store.verifyBlob(digest, bytes.length)
    const tagged = yield* references.resolveTag(options.repository, options.tag)
    if (!isIntact && Option.contains(tagged, digest)) yield* store.reportMissing(digest)
    yield* store.putBlob(bytes)
    for (const { child } of manifests) yield* references.add(options.repository, child.digest)
    yield* references.tag(options.repository, options.tag, digest, options.alias)
    const size = Manifest.totalSizeOf(manifests.map(({ manifest }) => manifest))
    return { digest, size, wasReplaced: store.wasReplaced(digest) }
  })

  // Two repairs at the same time would import the image twice, or remove what the other one has just imported.
  const oneAtATime = Semaphore.makeUnsafe(1)

  /** The blobs of an image: its manifest, its config and its layers. Only the manifest, if that is missing or damaged. */
  const blobsOf = Effect.fnUntraced(function* (digest: string) {
    const manifest = yield* Manifest.load(store, digest)
    if (Option.isNone(manifest)) return { digests: [digest], damaged: [digest] }
    const parts = new Map([manifest.value.config, ...manifest.value.layers].map((part) => [part.digest, part.size]))
    const damaged = yield* Effect.filter(parts, ([part, size]) =>
      Effect.map(store.verifyBlob(part, size), (isIntact) => !isIntact)
    )
    return { digests: [digest, ...parts.keys()], damaged: damaged.map(([part]) => part) }
  })

  const repair = <E>(
    options: DamagedImage<E>,
    importsLeft: number
  ): Effect.Effect<ReadonlyArray<string>, StoreFailed | ImageCorrupted> =>
    Effect.gen(function* () {
      const { digest, repository, tag } = options
      const { damaged, digests } = yield* blobsOf(digest)
      const [blob] = damaged
      if (blob === undefined) return digests.filter(store.wasReplaced)
      const corrupted = (reason: string) =>
        new ImageCorrupted({ directory: store.directory, repository, tag, blob, reason })
      if (importsLeft === 0) {
        return yield* corrupted("the engine's image has other contents now, or the disk is failing")
      }
      for (const each of damaged) {
        yield* store.reportMissing(each)
        yield* store.remove(`blobs/sha256/${hex(each)}`)
      }
      yield* Effect.mapError(add(options), (error) =>
        error instanceof StoreFailed ? error : corrupted(messageOf(error))
      )
      return yield* repair(options, importsLeft - 1)
    })

  return {
    /**
     * Hashes all blobs of an image, whatever was verified before. Removes the damaged ones and imports the image again.
     * Returns the image's blobs that were repaired since this process started, by this call or by another one.
     */
    repair: <E>(image: DamagedImage<E>) =>
      // Two imports, because a damaged manifest hides damaged layers until it is imported again.
      oneAtATime.withPermits(1)(Effect.andThen(checkName(image), Effect.ensuring(repair(image, 2), store.flush))),
    find: (image: TaggedImage) => Effect.ensuring(find(image), store.flush),
    addIndex: (index: TaggedIndex) => Effect.ensuring(addIndex(index), store.flush),
    // Flush after all small files are written, including those written when the scope closes.
    add: <E>(image: TaggedImage & { readonly archive: Stream.Stream<Uint8Array, E> }) =>
      Effect.ensuring(add(image), store.flush)
  }
}

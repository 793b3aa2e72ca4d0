import { Effect, Option, Semaphore, type Stream } from "effect"
import type { StoredImage } from "./LocalRegistry.ts"
import * as Archive from "./Archive.ts"
import * as ArchiveImage from "./ArchiveImage.ts"
import * as Manifest from "./Manifest.ts"
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
  const checkName = Effect.fnUntraced(function* ({ alias, repository, tag }: TaggedImage) {
    // Names become paths. jiji makes them from checked configuration, so an invalid one is a bug.
    for (const name of [repository, ...(alias === undefined ? [] : [alias])]) {
      if (!isPath(name) || !isTag(tag)) return yield* Effect.die(new Error(`Not an image name: ${name}:${tag}`))
    }
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
    yield* references.tag(image.repository, image.tag, digest.value, image.alias)
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
    const refer = [...archive.layerIds].map(([id, layer]) => references.setLayerDigest(id, layer))
    yield* Effect.all([store.putBlob(bytes), ...refer], { concurrency: 8, discard: true })
    const name = [
      references.setManifestOfImage(imageId, digest),
      references.tag(options.repository, options.tag, digest, options.alias)
    ]
    yield* Effect.all(name, { concurrency: 2, discard: true })
    return toStoredImage(
      digest,
      manifest,
      added.reduce((a, b) => a + b, 0)
    )
  }, Effect.scoped)

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
    // Flush after all small files are written, including those written when the scope closes.
    add: <E>(image: TaggedImage & { readonly archive: Stream.Stream<Uint8Array, E> }) =>
      Effect.ensuring(add(image), store.flush)
  }
}

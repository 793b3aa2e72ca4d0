import { Effect, Option, type Stream } from "effect"
import type { StoredImage } from "./LocalRegistry.ts"
import * as Archive from "./Archive.ts"
import * as ArchiveImage from "./ArchiveImage.ts"
import * as Manifest from "./Manifest.ts"
import { imageDigest, isRepository, isTag } from "./Names.ts"
import type { References } from "./References.ts"
import type { Store } from "./Store.ts"

/** Which image, as its engine calls it, and what it is to be called here. */
export interface Naming {
  readonly imageId: string
  readonly repository: string
  readonly tag: string
}

const describe = (digest: string, manifest: Manifest.Manifest, added: number): StoredImage => ({
  digest,
  imageId: manifest.config.digest,
  size: Manifest.sizeOf(manifest),
  added,
  layers: manifest.layers.map(({ digest, size }) => ({ digest, size }))
})

/** Taking images in, and finding them again. */
export const make = (store: Store, references: References) => {
  const check = Effect.fnUntraced(function* ({ repository, tag }: Naming) {
    // Names are made by jiji, from what the configuration allows; these would become paths.
    if (!isRepository(repository) || !isTag(tag))
      return yield* Effect.die(new Error(`Not an image name: ${repository}:${tag}`))
  })

  const find = Effect.fnUntraced(function* (naming: Naming) {
    yield* check(naming)
    const digest = yield* references.image(imageDigest(naming.imageId))
    if (Option.isNone(digest)) return Option.none<StoredImage>()
    const manifest = yield* Manifest.load(store, digest.value)
    if (Option.isNone(manifest)) return Option.none<StoredImage>()
    const parts = [manifest.value.config, ...manifest.value.layers]
    const present = yield* Effect.forEach(parts, (part) => store.has(part.digest, part.size), { concurrency: 8 })
    if (present.includes(false)) return Option.none<StoredImage>()
    yield* references.tag(naming.repository, naming.tag, digest.value)
    return Option.some(describe(digest.value, manifest.value, 0))
  })

  const add = Effect.fnUntraced(function* <E>(options: Naming & { readonly archive: Stream.Stream<Uint8Array, E> }) {
    yield* check(options)
    const imageId = imageDigest(options.imageId)
    const archive = yield* Archive.read({ imageId, archive: options.archive, store, references })
    const { config, layers } = yield* ArchiveImage.select(archive)
    const parts = new Map([config, ...layers].map((part) => [part.digest, part]))
    const added = yield* Effect.forEach(parts.values(), store.keep)
    // The manifest last, then what points to it: whoever sees a name finds all that is behind it.
    const { bytes, digest, manifest } = Manifest.make(config, layers)
    const refer = [...archive.layerIds].map(([id, layer]) => references.setLayer(id, layer))
    yield* Effect.all([store.put(bytes), ...refer], { concurrency: 8, discard: true })
    const name = [references.setImage(imageId, digest), references.tag(options.repository, options.tag, digest)]
    yield* Effect.all(name, { concurrency: 2, discard: true })
    return describe(
      digest,
      manifest,
      added.reduce((a, b) => a + b, 0)
    )
  }, Effect.scoped)

  return {
    find: (naming: Naming) => Effect.ensuring(find(naming), store.flush),
    // After the last small file, those of the scope too.
    add: <E>(image: Naming & { readonly archive: Stream.Stream<Uint8Array, E> }) =>
      Effect.ensuring(add(image), store.flush)
  }
}

import { Effect, Option, Schema, type Scope, type Stream } from "effect"
import type { TarHeader } from "modern-tar"
import * as Paths from "./ArchivePaths.ts"
import * as Hashing from "./Hashing.ts"
import type { References } from "./References.ts"
import { ArchiveInvalid, type ArchiveProblem, type StoreFailed } from "./RegistryError.ts"
import type { Content, Store } from "./Store.ts"
import * as Tar from "./Tar.ts"

/** Far above the size of any real config, manifest or index. Engines reject larger manifests, too. */
const maxJsonBytes = 4 * 1024 * 1024

/** The files of an image archive, by path. Closing the scope of `read` removes those that were not committed. */
export interface Archive {
  readonly imageId: string
  /** Finds a file. Follows links. */
  find(path: string): Option.Option<Content>
  /** The path of a file with this digest. Undefined if none was read. */
  pathOf(digest: string): string | undefined
  /** Finds a file or fails. */
  requireFile(path: string): Effect.Effect<Content, ArchiveInvalid>
  /** Reads and decodes a JSON file. */
  readJson<A>(path: string, schema: Schema.Decoder<A>): Effect.Effect<A, ArchiveInvalid | StoreFailed>
  /** The digests of layers by the ids that `docker save` uses in their paths. */
  readonly layerIds: ReadonlyMap<string, string>
}

/** Makes the error for an archive with this problem. */
export const archiveInvalid = (imageId: string, problem: ArchiveProblem) => new ArchiveInvalid({ imageId, problem })

/**
 * Reads an archive and stages each file in the store. Files whose name says that they are already in the store are only
 * hashed. Names in the archive never become paths on disk. Reads to the end of the archive, unless `isEnough` says after a
 * file that the rest is not needed.
 */
export const read = Effect.fnUntraced(function* <E, E2>(options: {
  readonly imageId: string
  readonly archive: Stream.Stream<Uint8Array, E>
  readonly store: Store
  readonly references: References
  readonly isEnough: (archive: Archive) => Effect.Effect<boolean, E2>
}): Effect.fn.Return<Archive, E | E2 | StoreFailed | ArchiveInvalid, Scope.Scope> {
  const { imageId, isEnough, references, store } = options
  const files = new Map<string, Content>()
  const paths = new Map<string, string>()
  const links = new Map<string, string>()
  const layerIds = new Map<string, string>()
  const fail = (problem: ArchiveProblem) => archiveInvalid(imageId, problem)

  const storedDigest = Effect.fnUntraced(function* (path: string, size: number) {
    const id = Paths.layerId(path)
    const digest =
      id === undefined ? Option.fromUndefinedOr(Paths.digestFromName(path)) : yield* references.layerDigest(id)
    // JSON is read from the store before the image is committed, so its old verification is not enough.
    const isStored = Paths.isLayer(path) || size > maxJsonBytes ? store.hasBlob : store.verifyBlob
    return Option.isSome(digest) && (yield* isStored(digest.value, size)) ? digest.value : undefined
  })

  const find = (path: string): Option.Option<Content> => {
    let at = Paths.normalise(path)
    // Following more links than there are means a cycle.
    for (let left = links.size; at !== undefined && left > 0; left--) at = links.get(at) ?? at
    return Option.fromUndefinedOr(at === undefined ? undefined : files.get(at))
  }
  const requireFile = (path: string) =>
    Effect.mapError(Effect.fromOption(find(path)), () => fail({ _tag: "FileMissing", path }))
  const readJson = Effect.fnUntraced(function* <A>(path: string, schema: Schema.Decoder<A>) {
    const content = yield* requireFile(path)
    if (content.size > maxJsonBytes) return yield* fail({ _tag: "FileInvalid", path, detail: `${content.size} bytes` })
    const text = new TextDecoder().decode(yield* store.readContent(content))
    return yield* Schema.decodeEffect(Schema.fromJsonString(schema))(text).pipe(
      Effect.mapError((error) => fail({ _tag: "FileInvalid", path, detail: error.message }))
    )
  })
  const archive: Archive = { imageId, find, pathOf: (digest) => paths.get(digest), requireFile, readJson, layerIds }

  const visit = Effect.fnUntraced(function* (header: TarHeader, body: Hashing.Body<ArchiveInvalid>) {
    const path = Paths.normalise(header.name)
    if (path === undefined) return yield* fail({ _tag: "UnsafePath", path: header.name })
    if (header.type === "symlink" || header.type === "link") {
      const target = Paths.linkTarget(path, header.type, header.linkname ?? "")
      if (target === undefined) return yield* fail({ _tag: "UnsafePath", path: `${path} -> ${header.linkname}` })
      links.set(path, target)
      return false
    }
    if (header.type !== "file" || Paths.isLegacy(path)) return false
    const stored = yield* storedDigest(path, header.size)
    const content =
      stored === undefined
        ? yield* store.stage(body)
        : { ...(yield* Hashing.hashInto(body, Hashing.discard)), path: store.blobPath(stored) }
    const expectedDigest = stored ?? Paths.blobDigest(path) ?? content.digest
    if (expectedDigest !== content.digest) {
      return yield* fail({ _tag: "ContentMismatch", path, expected: expectedDigest, actual: content.digest })
    }
    files.set(path, content)
    paths.set(content.digest, path)
    const id = Paths.layerId(path)
    if (id !== undefined) layerIds.set(id, content.digest)
    return yield* isEnough(archive)
  })

  yield* Tar.forEachEntry({
    archive: options.archive,
    onBroken: (detail) => fail({ _tag: "Unreadable", detail }),
    visit
  })
  return archive
})

import { Effect, Option, Schema, type Scope, type Stream } from "effect"
import type { TarHeader } from "modern-tar"
import * as Paths from "./ArchivePaths.ts"
import * as Hashing from "./Hashing.ts"
import type { References } from "./References.ts"
import { ArchiveInvalid, type ArchiveProblem, type StoreFailed } from "./RegistryError.ts"
import type { Content, Store } from "./Store.ts"
import * as Tar from "./Tar.ts"

/** No config, manifest or index of an image comes near this; engines refuse such manifests too. */
const largestJson = 4 * 1024 * 1024

/** The files of an archive by path. They go with the scope in which it was read, unless they are kept. */
export interface Archive {
  readonly imageId: string
  /** A file, or what a link leads to. */
  find(path: string): Option.Option<Content>
  /** A file that must be there. */
  file(path: string): Effect.Effect<Content, ArchiveInvalid>
  /** What a JSON file says. */
  json<A>(path: string, schema: Schema.Decoder<A>): Effect.Effect<A, ArchiveInvalid | StoreFailed>
  /** The digests of layers by the ids that docker's `save` gave them. */
  readonly layerIds: ReadonlyMap<string, string>
}

/** The error of an archive. */
export const invalid = (imageId: string, problem: ArchiveProblem) => new ArchiveInvalid({ imageId, problem })

/**
 * Reads an archive to its end. Each file goes to a temporary file in the store, but for those whose name says that they
 * are blobs of it already: these are only hashed. No name in the archive becomes a path on disk.
 */
export const read = Effect.fnUntraced(function* <E>(options: {
  readonly imageId: string
  readonly archive: Stream.Stream<Uint8Array, E>
  readonly store: Store
  readonly references: References
}): Effect.fn.Return<Archive, E | StoreFailed | ArchiveInvalid, Scope.Scope> {
  const { imageId, references, store } = options
  const files = new Map<string, Content>()
  const links = new Map<string, string>()
  const layerIds = new Map<string, string>()
  const fail = (problem: ArchiveProblem) => invalid(imageId, problem)

  const expected = Effect.fnUntraced(function* (path: string, size: number) {
    const id = Paths.layerId(path)
    const digest = id === undefined ? Option.fromUndefinedOr(Paths.likelyDigest(path)) : yield* references.layer(id)
    return Option.isSome(digest) && (yield* store.has(digest.value, size)) ? digest.value : undefined
  })

  const visit = Effect.fnUntraced(function* (header: TarHeader, body: Hashing.Body<ArchiveInvalid>) {
    const path = Paths.normalise(header.name)
    if (path === undefined) return yield* fail({ _tag: "UnsafePath", path: header.name })
    if (header.type === "symlink" || header.type === "link") {
      const target = Paths.linkTarget(path, header.type, header.linkname ?? "")
      if (target === undefined) return yield* fail({ _tag: "UnsafePath", path: `${path} -> ${header.linkname}` })
      return void links.set(path, target)
    }
    if (header.type !== "file" || Paths.isLegacy(path)) return
    const stored = yield* expected(path, header.size)
    const content =
      stored === undefined
        ? yield* store.stage(body)
        : { ...(yield* Hashing.pour(body, Hashing.nowhere)), path: store.path(stored) }
    const promised = stored ?? Paths.blobDigest(path) ?? content.digest
    if (promised !== content.digest) {
      return yield* fail({ _tag: "ContentMismatch", path, expected: promised, actual: content.digest })
    }
    files.set(path, content)
    const id = Paths.layerId(path)
    if (id !== undefined) layerIds.set(id, content.digest)
  })

  yield* Tar.forEachEntry({
    archive: options.archive,
    onBroken: (detail) => fail({ _tag: "Unreadable", detail }),
    visit
  })

  const find = (path: string): Option.Option<Content> => {
    let at = Paths.normalise(path)
    // A way over more links than there are is a circle.
    for (let left = links.size; at !== undefined && left > 0; left--) at = links.get(at) ?? at
    return Option.fromUndefinedOr(at === undefined ? undefined : files.get(at))
  }
  const file = (path: string) =>
    Effect.mapError(Effect.fromOption(find(path)), () => fail({ _tag: "FileMissing", path }))
  const json = Effect.fnUntraced(function* <A>(path: string, schema: Schema.Decoder<A>) {
    const content = yield* file(path)
    if (content.size > largestJson) return yield* fail({ _tag: "FileInvalid", path, detail: `${content.size} bytes` })
    const text = new TextDecoder().decode(yield* store.load(content))
    return yield* Schema.decodeEffect(Schema.fromJsonString(schema))(text).pipe(
      Effect.mapError((error) => fail({ _tag: "FileInvalid", path, detail: error.message }))
    )
  })
  return { imageId, find, file, json, layerIds }
})

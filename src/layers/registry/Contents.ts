import { Effect, Option } from "effect"
import * as ManifestIndex from "./ManifestIndex.ts"
import type { References } from "./References.ts"
import type { Store } from "./Store.ts"

/** A tag of a repository, the digest of its manifest, and the size of the image in bytes. */
export interface StoredTag {
  readonly repository: string
  readonly tag: string
  readonly digest: string
  readonly size: number
}

/** The contents of a store. The tags are sorted by repository, then newest first. */
export interface StoredContents {
  readonly tags: ReadonlyArray<StoredTag>
  /** The size of all blobs in bytes. Counts a blob shared by several images once. */
  readonly size: number
}

/** Lists the contents of a store. Skips tags whose manifest cannot be read. */
export const listContents = Effect.fnUntraced(function* (store: Store, references: References) {
  const tags: Array<StoredTag> = []
  for (const repository of [...(yield* references.repositories)].sort()) {
    for (const tag of yield* references.newestFirst(repository)) {
      const digest = yield* references.resolveTag(repository, tag)
      const size = Option.isNone(digest) ? Option.none() : yield* ManifestIndex.totalSize(store, digest.value)
      if (Option.isNone(digest) || Option.isNone(size)) continue
      tags.push({ repository, tag, digest: digest.value, size: size.value })
    }
  }
  const contents: StoredContents = { tags, size: yield* store.size }
  return contents
})

import { Effect, Option } from "effect"
import * as Manifest from "./Manifest.ts"
import type { References } from "./References.ts"
import type { Store } from "./Store.ts"

/** A tag of a repository, what it stands for, and the bytes of all of that. */
export interface StoredTag {
  readonly repository: string
  readonly tag: string
  readonly digest: string
  readonly size: number
}

/** What is in a store, the newest tag of each repository first. */
export interface StoredContents {
  readonly tags: ReadonlyArray<StoredTag>
  /** Bytes of all blobs: those of several images count once. */
  readonly size: number
}

/** Lists a store. What cannot be read as an image is left out. */
export const list = Effect.fnUntraced(function* (store: Store, references: References) {
  const tags: Array<StoredTag> = []
  for (const repository of [...(yield* references.repositories)].sort()) {
    for (const tag of yield* references.newest(repository)) {
      const digest = yield* references.tagged(repository, tag)
      const manifest = Option.isNone(digest) ? Option.none() : yield* Manifest.load(store, digest.value)
      if (Option.isNone(digest) || Option.isNone(manifest)) continue
      tags.push({ repository, tag, digest: digest.value, size: Manifest.sizeOf(manifest.value) })
    }
  }
  const contents: StoredContents = { tags, size: yield* store.size }
  return contents
})

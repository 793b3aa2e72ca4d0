import { Effect, Option } from "effect"
import * as Manifest from "./Manifest.ts"
import { hex } from "./Digest.ts"
import type { References } from "./References.ts"
import type { Store } from "./Store.ts"

/**
 * Removes the oldest tags of each repository in `tagsToKeep`, down to the given number, and then all blobs to which no
 * manifest refers. No other process may use the store at the same time.
 *
 * Removes references before their targets, so that an interrupted sweep leaves no dangling references.
 */
export const sweep = Effect.fnUntraced(function* (
  store: Store,
  references: References,
  tagsToKeep: ReadonlyMap<string, number>
) {
  yield* Effect.forEach(tagsToKeep, ([repository, count]) => references.keepNewest(repository, count), {
    discard: true
  })
  const repositories = yield* references.repositories
  const manifests = new Set((yield* Effect.forEach(repositories, references.manifests)).flat())
  const kept = new Set(manifests)
  for (const digest of manifests) {
    const manifest = yield* Manifest.load(store, digest)
    if (Option.isNone(manifest)) continue
    for (const part of [manifest.value.config, ...manifest.value.layers]) kept.add(part.digest)
  }
  yield* references.removeOthers(kept)
  const blobs = yield* store.list("blobs/sha256")
  const names = new Set([...kept].map(hex))
  yield* Effect.forEach(
    blobs.filter((name) => !names.has(name)),
    (name) => store.remove(`blobs/sha256/${name}`),
    { discard: true }
  )
})

import { Effect, Option } from "effect"
import * as Manifest from "./Manifest.ts"
import { hex } from "./Names.ts"
import type { References } from "./References.ts"
import type { Store } from "./Store.ts"

/**
 * Takes away the oldest tags of each repository in `wanted`, down to that many, and then whatever no manifest of any
 * repository refers to. Nobody else may use the store meanwhile.
 *
 * What refers goes before what is referred to, so that one that is cut short leaves no reference to nothing.
 */
export const sweep = Effect.fnUntraced(function* (
  store: Store,
  references: References,
  wanted: ReadonlyMap<string, number>
) {
  yield* Effect.forEach(wanted, ([repository, count]) => references.trim(repository, count), { discard: true })
  const repositories = yield* references.repositories
  const manifests = new Set((yield* Effect.forEach(repositories, references.manifests)).flat())
  const kept = new Set(manifests)
  for (const digest of manifests) {
    const manifest = yield* Manifest.load(store, digest)
    if (Option.isNone(manifest)) continue
    for (const part of [manifest.value.config, ...manifest.value.layers]) kept.add(part.digest)
  }
  yield* references.retain(kept)
  const blobs = yield* store.list("blobs/sha256")
  const names = new Set([...kept].map(hex))
  yield* Effect.forEach(
    blobs.filter((name) => !names.has(name)),
    (name) => store.remove(`blobs/sha256/${name}`),
    { discard: true }
  )
})

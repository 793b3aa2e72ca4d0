import { Effect, Option } from "effect"
import { hex, isDigest } from "./Digest.ts"
import type { Store } from "./Store.ts"

// No part of a repository's name can start with `_`.
const manifests = (repository: string) => `repositories/${repository}/_manifests`
const tags = (repository: string) => `repositories/${repository}/_tags`

/** The repository to which a tag's or manifest's file belongs. */
const repositoryOf = (name: string): string | undefined => /^(.+)\/_(?:tags|manifests)\/[^/]+$/.exec(name)?.[1]

/** The references to the blobs of a store: tags, each repository's manifests, and the manifest of each image id. */
export const make = (store: Store) => {
  const digest = (name: string) => Effect.map(store.readText(name), Option.filter(isDigest))
  const removeAll = (names: ReadonlyArray<string>) => Effect.forEach(names, store.remove, { discard: true })

  /** The files in a folder that contain none of these digests. */
  const pointingElsewhere = Effect.fnUntraced(function* (folder: string, digests: ReadonlySet<string>) {
    const paths = (yield* store.list(folder)).map((name) => `${folder}/${name}`)
    return yield* Effect.filter(paths, (path) =>
      Effect.map(digest(path), (found) => !Option.exists(found, (text) => digests.has(text)))
    )
  })

  const newestFirst = Effect.fnUntraced(function* (repository: string) {
    const dated = yield* Effect.forEach(yield* store.list(tags(repository)), (tag) =>
      Effect.map(store.modifiedAt(`${tags(repository)}/${tag}`), (time) => ({ tag, time }))
    )
    return dated.sort((a, b) => b.time - a.time || b.tag.localeCompare(a.tag)).map(({ tag }) => tag)
  })

  return {
    /** All repository names. */
    repositories: Effect.map(store.listAll("repositories"), (names) => [
      ...new Set(names.flatMap((name) => repositoryOf(name) ?? []))
    ]),
    /** The tags of a repository, the most recently set first. */
    newestFirst,
    /** Keeps only the `count` newest tags of a repository and their manifests. */
    keepNewest: Effect.fnUntraced(function* (repository: string, count: number) {
      const all = yield* newestFirst(repository)
      yield* removeAll(all.slice(count).map((tag) => `${tags(repository)}/${tag}`))
      const tagged = yield* Effect.forEach(all.slice(0, count), (tag) => store.readText(`${tags(repository)}/${tag}`))
      const kept = new Set(tagged.flatMap(Option.toArray).filter(isDigest).map(hex))
      const names = yield* store.list(manifests(repository))
      yield* removeAll(names.filter((name) => !kept.has(name)).map((name) => `${manifests(repository)}/${name}`))
    }),
    /** Removes the references from image ids and layer ids to digests other than these. */
    removeOthers: Effect.fnUntraced(function* (digests: ReadonlySet<string>) {
      yield* removeAll([
        ...(yield* pointingElsewhere("images", digests)),
        ...(yield* pointingElsewhere("layers", digests))
      ])
    }),
    /** The digest of a tag's manifest. */
    resolveTag: (repository: string, tag: string) => digest(`${tags(repository)}/${tag}`),
    /** The tags of a repository in alphabetical order. */
    tags: (repository: string) => Effect.map(store.list(tags(repository)), (names) => [...names].sort()),
    /** The digests of all manifests of a repository, including those that lost their tag. */
    manifests: (repository: string) =>
      Effect.map(store.list(manifests(repository)), (names) => names.map((name) => `sha256:${name}`).filter(isDigest)),
    /** Adds a manifest to a repository and tags it. */
    tag: Effect.fnUntraced(function* (repository: string, tag: string, manifest: string) {
      yield* store.writeText(`${manifests(repository)}/${hex(manifest)}`, "")
      yield* store.writeText(`${tags(repository)}/${tag}`, manifest)
      yield* store.touch(`${tags(repository)}/${tag}`)
    }),
    /** The digest of the manifest that jiji made for an image id. */
    manifestOfImage: (imageId: string) => digest(`images/${hex(imageId)}`),
    setManifestOfImage: (imageId: string, manifest: string) => store.writeText(`images/${hex(imageId)}`, manifest),
    /** The digest of a layer by its id in an earlier `docker save` archive. Docker derives the id from the content. */
    layerDigest: (id: string) => digest(`layers/${id}`),
    setLayerDigest: (id: string, digest: string) => store.writeText(`layers/${id}`, digest)
  }
}

export type References = ReturnType<typeof make>

/** Hides all manifests except these, so that a run's servers see only the images of that run. */
export const restrictTo = (references: References, digests: ReadonlySet<string>): References => {
  const resolveTag = (repository: string, tag: string) =>
    Effect.map(
      references.resolveTag(repository, tag),
      Option.filter((digest) => digests.has(digest))
    )
  return {
    ...references,
    resolveTag,
    tags: (repository) =>
      Effect.flatMap(references.tags(repository), (names) =>
        Effect.filter(names, (tag) => Effect.map(resolveTag(repository, tag), Option.isSome))
      ),
    manifests: (repository) =>
      Effect.map(references.manifests(repository), (all) => all.filter((digest) => digests.has(digest)))
  }
}

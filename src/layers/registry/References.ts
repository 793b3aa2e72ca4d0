import { Effect, Option } from "effect"
import { hex, isDigest } from "./Names.ts"
import type { Store } from "./Store.ts"

// No part of a repository's name begins with `_`.
const manifests = (repository: string) => `repositories/${repository}/_manifests`
const tags = (repository: string) => `repositories/${repository}/_tags`

/** The repository that a file among theirs belongs to. */
const repositoryOf = (name: string): string | undefined => /^(.+)\/_(?:tags|manifests)\/[^/]+$/.exec(name)?.[1]

/**
 * What refers to the blobs of a store: tags, the manifests of each repository, and which manifest was made for an image.
 */
export const make = (store: Store) => {
  const digest = (name: string) => Effect.map(store.text(name), Option.filter(isDigest))
  const removeAll = (names: ReadonlyArray<string>) => Effect.forEach(names, store.remove, { discard: true })

  /** The names in a folder whose text is none of these digests. */
  const strangers = Effect.fnUntraced(function* (folder: string, digests: ReadonlySet<string>) {
    const paths = (yield* store.list(folder)).map((name) => `${folder}/${name}`)
    return yield* Effect.filter(paths, (path) =>
      Effect.map(digest(path), (found) => !Option.exists(found, (text) => digests.has(text)))
    )
  })

  const newest = Effect.fnUntraced(function* (repository: string) {
    const dated = yield* Effect.forEach(yield* store.list(tags(repository)), (tag) =>
      Effect.map(store.changed(`${tags(repository)}/${tag}`), (time) => ({ tag, time }))
    )
    return dated.sort((a, b) => b.time - a.time || b.tag.localeCompare(a.tag)).map(({ tag }) => tag)
  })

  return {
    /** The names of all repositories. */
    repositories: Effect.map(store.listAll("repositories"), (names) => [
      ...new Set(names.flatMap((name) => repositoryOf(name) ?? []))
    ]),
    /** The tags of a repository, the one that was given last first. */
    newest,
    /** Takes away all but the newest tags of a repository, and the manifests that none of them stands for. */
    trim: Effect.fnUntraced(function* (repository: string, count: number) {
      const all = yield* newest(repository)
      yield* removeAll(all.slice(count).map((tag) => `${tags(repository)}/${tag}`))
      const tagged = yield* Effect.forEach(all.slice(0, count), (tag) => store.text(`${tags(repository)}/${tag}`))
      const kept = new Set(tagged.flatMap(Option.toArray).filter(isDigest).map(hex))
      const names = yield* store.list(manifests(repository))
      yield* removeAll(names.filter((name) => !kept.has(name)).map((name) => `${manifests(repository)}/${name}`))
    }),
    /** Takes away what leads from images and layers to other digests than these. */
    retain: Effect.fnUntraced(function* (digests: ReadonlySet<string>) {
      yield* removeAll([...(yield* strangers("images", digests)), ...(yield* strangers("layers", digests))])
    }),
    /** The digest of the manifest that a tag stands for. */
    tagged: (repository: string, tag: string) => digest(`${tags(repository)}/${tag}`),
    /** The tags of a repository, in order. */
    tags: (repository: string) => Effect.map(store.list(tags(repository)), (names) => [...names].sort()),
    /** The digests of all manifests that were ever tagged in a repository. */
    manifests: (repository: string) =>
      Effect.map(store.list(manifests(repository)), (names) => names.map((name) => `sha256:${name}`).filter(isDigest)),
    /** Adds a manifest to a repository, and points a tag at it. */
    tag: Effect.fnUntraced(function* (repository: string, tag: string, manifest: string) {
      yield* store.write(`${manifests(repository)}/${hex(manifest)}`, "")
      yield* store.write(`${tags(repository)}/${tag}`, manifest)
      yield* store.touch(`${tags(repository)}/${tag}`)
    }),
    /** The digest of the manifest that was made for an image. */
    image: (imageId: string) => digest(`images/${hex(imageId)}`),
    setImage: (imageId: string, manifest: string) => store.write(`images/${hex(imageId)}`, manifest),
    /** The digest of a layer that docker's `save` called by this id before. The id is derived from the content. */
    layer: (id: string) => digest(`layers/${id}`),
    setLayer: (id: string, layer: string) => store.write(`layers/${id}`, layer)
  }
}

export type References = ReturnType<typeof make>

/** The same, as if there were no other manifests than these: what is not named by a run is none of its servers' business. */
export const only = (references: References, digests: ReadonlySet<string>): References => {
  const tagged = (repository: string, tag: string) =>
    Effect.map(
      references.tagged(repository, tag),
      Option.filter((digest) => digests.has(digest))
    )
  return {
    ...references,
    tagged,
    tags: (repository) =>
      Effect.flatMap(references.tags(repository), (names) =>
        Effect.filter(names, (tag) => Effect.map(tagged(repository, tag), Option.isSome))
      ),
    manifests: (repository) =>
      Effect.map(references.manifests(repository), (all) => all.filter((digest) => digests.has(digest)))
  }
}

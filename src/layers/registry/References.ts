import { Effect, Option } from "effect"
import { hex, isDigest } from "./Digest.ts"
import * as ManifestIndex from "./ManifestIndex.ts"
import type { Store } from "./Store.ts"

// No part of a repository's name can start with `_`.
const manifests = (repository: string) => `repositories/${repository}/_manifests`
const tags = (repository: string) => `repositories/${repository}/_tags`
const aliases = (repository: string) => `repositories/${repository}/_aliases`

/** The tag of an alias that means the image tagged last. */
const latest = "latest"

/** The repository to which a tag's or manifest's file belongs. */
const repositoryOf = (name: string): string | undefined => /^(.+)\/_(?:tags|manifests)\/[^/]+$/.exec(name)?.[1]

/**
 * The repository that an alias belongs to, and the folder of the alias's tags: `PROJECT/SERVICE` is an alias of
 * `PROJECT-SERVICE`. Both `my-app/web` and `my/app-web` belong to `my-app-web`, so each alias has its own tags.
 */
const parseAlias = (name: string): { readonly repository: string; readonly folder: string } | undefined => {
  const [, project, service] = /^([^/]+)\/([^/]+)$/.exec(name) ?? []
  if (project === undefined || service === undefined) return undefined
  const repository = `${project}-${service}`
  return { repository, folder: `${aliases(repository)}/${name}` }
}

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

  /** The folder with the tags of a repository, or of an alias if there is no such repository. Undefined if there is neither. */
  const tagFolder = Effect.fnUntraced(function* (name: string) {
    const own = { repository: name, folder: tags(name) }
    for (const each of [own, parseAlias(name)]) {
      if (each !== undefined && (yield* store.list(each.folder)).length > 0) return each
    }
    return undefined
  })

  /** The tags of all aliases of a repository, and their files. */
  const aliasTags = Effect.fnUntraced(function* (repository: string) {
    const names = yield* store.listAll(aliases(repository))
    return yield* Effect.forEach(
      names.filter((name) => name.split("/").length === 3),
      (name) => {
        const file = `${aliases(repository)}/${name}`
        return Effect.map(digest(file), (found) => ({
          file,
          tag: name.slice(name.lastIndexOf("/") + 1),
          digest: Option.getOrElse(found, () => "")
        }))
      }
    )
  })

  return {
    /** All repository names, without aliases. */
    repositories: Effect.map(store.listAll("repositories"), (names) => [
      ...new Set(names.flatMap((name) => repositoryOf(name) ?? []))
    ]),
    /** The tags of a repository, the most recently set first. */
    newestFirst,
    /** Keeps only the `count` newest tags of a repository, what its aliases call `latest`, and their manifests. */
    keepNewest: Effect.fnUntraced(function* (repository: string, count: number) {
      const aliased = yield* aliasTags(repository)
      const last = new Set(aliased.flatMap(({ digest, tag }) => (tag === latest && isDigest(digest) ? [digest] : [])))
      const tagged = yield* Effect.forEach(yield* newestFirst(repository), (tag) =>
        Effect.map(digest(`${tags(repository)}/${tag}`), (found) => ({
          tag,
          digest: Option.getOrElse(found, () => "")
        }))
      )
      const isKept = ({ digest }: { readonly digest: string }, index: number) => index < count || last.has(digest)
      const kept = tagged.filter(isKept)
      const keptTags = new Set(kept.map(({ tag }) => tag))
      const keptDigests = new Set([...last, ...kept.map(({ digest }) => digest)])
      for (const index of [...keptDigests].filter(isDigest)) {
        for (const child of yield* ManifestIndex.childrenOf(store, index)) keptDigests.add(child)
      }
      // Only an alias always keeps `latest`. In the repository itself it is a version like any other.
      const isAliasKept = ({ digest, tag }: { readonly digest: string; readonly tag: string }) =>
        (tag === latest || keptTags.has(tag)) && keptDigests.has(digest)
      yield* removeAll(aliased.filter((each) => !isAliasKept(each)).map(({ file }) => file))
      yield* removeAll(tagged.filter(({ tag }) => !keptTags.has(tag)).map(({ tag }) => `${tags(repository)}/${tag}`))
      const names = yield* store.list(manifests(repository))
      yield* removeAll(
        names.filter((name) => !keptDigests.has(`sha256:${name}`)).map((name) => `${manifests(repository)}/${name}`)
      )
    }),
    /** Removes the references from image ids and layer ids to digests other than these. */
    removeOthers: Effect.fnUntraced(function* (digests: ReadonlySet<string>) {
      yield* removeAll([
        ...(yield* pointingElsewhere("images", digests)),
        ...(yield* pointingElsewhere("layers", digests))
      ])
    }),
    /** The digest of a tag's manifest. This and the next two also accept an alias. */
    resolveTag: Effect.fnUntraced(function* (name: string, tag: string) {
      const found = yield* tagFolder(name)
      return found === undefined ? Option.none<string>() : yield* digest(`${found.folder}/${tag}`)
    }),
    /** The tags of a repository in alphabetical order. */
    tags: Effect.fnUntraced(function* (name: string) {
      const found = yield* tagFolder(name)
      return found === undefined ? [] : [...(yield* store.list(found.folder))].sort()
    }),
    /** The digests of all manifests of a repository, including those that lost their tag. */
    manifests: Effect.fnUntraced(function* (name: string) {
      const { repository } = (yield* tagFolder(name)) ?? { repository: name }
      return (yield* store.list(manifests(repository))).map((each) => `sha256:${each}`).filter(isDigest)
    }),
    /** Adds a manifest to a repository without a tag. It stays there as long as an index refers to it that has one. */
    add: (repository: string, manifest: string) => store.writeText(`${manifests(repository)}/${hex(manifest)}`, ""),
    /** Adds a manifest to a repository and tags it. Also tags it for its alias, with the same tag and with `latest`. */
    tag: Effect.fnUntraced(function* (repository: string, tag: string, manifest: string, alias = "") {
      yield* store.writeText(`${manifests(repository)}/${hex(manifest)}`, "")
      yield* store.writeText(`${tags(repository)}/${tag}`, manifest)
      yield* store.touch(`${tags(repository)}/${tag}`)
      const aliased = parseAlias(alias)
      if (aliased?.repository !== repository) return
      for (const each of [tag, latest]) yield* store.writeText(`${aliased.folder}/${each}`, manifest)
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

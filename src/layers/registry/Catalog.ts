import { Effect, Option, Schema } from "effect"
import type { StoredTag } from "./Contents.ts"
import * as Manifest from "./Manifest.ts"
import * as ManifestIndex from "./ManifestIndex.ts"
import { fetchLocal } from "./Loopback.ts"
import { isDigest } from "./Digest.ts"
import { isPath, isTag } from "../../config/ImageReference.ts"

const Repositories = Schema.Struct({ repositories: Schema.Array(Schema.String) })
const Tags = Schema.Struct({ tags: Schema.NullOr(Schema.Array(Schema.String)) })

/** A tag's manifest, or the index of its manifests for several platforms. */
const Tagged = Schema.Union([Manifest.Manifest, ManifestIndex.Index])

/** Larger than any list or manifest of a registry. */
const maxBytes = 4 * 1024 * 1024

/** Reads a response body, up to `maxBytes`. Leaving the loop closes the connection. */
const readText = async (response: Response): Promise<string> => {
  const chunks: Array<Uint8Array> = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxBytes) throw new Error("too large")
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/**
 * Lists the tags of a registry on this machine that needs no login. None if the registry does not answer. Skips tags that
 * are not images.
 */
export const list = Effect.fnUntraced(function* (url: string) {
  const fetchJson = <A>(path: string, schema: Schema.Decoder<A>) =>
    Effect.tryPromise(async (signal) => {
      const response = await fetchLocal(`${url}${path}`, { signal, headers: { Accept: Manifest.accepted } })
      return { digest: response.headers.get("Docker-Content-Digest") ?? "", body: await readText(response) }
    }).pipe(
      Effect.timeout("5 seconds"),
      Effect.flatMap(({ body, digest }) =>
        Effect.map(Schema.decodeEffect(Schema.fromJsonString(schema))(body), (value) => ({ value, digest }))
      ),
      Effect.option
    )

  const catalog = yield* fetchJson("/v2/_catalog?n=1000", Repositories)
  if (Option.isNone(catalog)) return Option.none<ReadonlyArray<StoredTag>>()
  const found: Array<StoredTag> = []
  for (const repository of catalog.value.value.repositories.filter(isPath)) {
    const tags = yield* fetchJson(`/v2/${repository}/tags/list`, Tags)
    if (Option.isNone(tags)) continue
    for (const tag of (tags.value.value.tags ?? []).filter(isTag).sort()) {
      const manifest = (reference: string) => `/v2/${repository}/manifests/${reference}`
      const tagged = yield* fetchJson(manifest(tag), Tagged)
      if (Option.isNone(tagged)) continue
      const { digest, value } = tagged.value
      if (!isDigest(digest)) continue
      const parts =
        "manifests" in value
          ? yield* Effect.forEach(value.manifests, (part) => fetchJson(manifest(part.digest), Manifest.Manifest))
          : [Option.some({ value })]
      const size = Manifest.totalSizeOf(parts.flatMap(Option.toArray).map((part) => part.value))
      found.push({ repository, tag, digest, size })
    }
  }
  return Option.some<ReadonlyArray<StoredTag>>(found)
})

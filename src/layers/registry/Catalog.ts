import { Effect, Option, Schema } from "effect"
import type { StoredTag } from "./Contents.ts"
import * as Manifest from "./Manifest.ts"
import { fetchLocal } from "./Loopback.ts"
import { isDigest, isRepository, isTag } from "./Names.ts"

const Repositories = Schema.Struct({ repositories: Schema.Array(Schema.String) })
const Tags = Schema.Struct({ tags: Schema.NullOr(Schema.Array(Schema.String)) })

const accepted = `${Manifest.mediaType}, application/vnd.oci.image.manifest.v1+json`

/** As much as any list or manifest of a registry takes; what answers with more is none. */
const mostBytes = 4 * 1024 * 1024

/** The body of an answer, which is read no further than that. Leaving the loop ends the connection. */
const textOf = async (response: Response): Promise<string> => {
  const chunks: Array<Uint8Array> = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > mostBytes) throw new Error("too large")
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** Lists the tags of a registry on this machine that asks for no login. Nothing where it does not answer; what is no image has no size. */
export const list = Effect.fnUntraced(function* (url: string) {
  const ask = <A>(path: string, schema: Schema.Decoder<A>) =>
    Effect.tryPromise(async (signal) => {
      const response = await fetchLocal(`${url}${path}`, { signal, headers: { Accept: accepted } })
      return { digest: response.headers.get("Docker-Content-Digest") ?? "", body: await textOf(response) }
    }).pipe(
      Effect.timeout("5 seconds"),
      Effect.flatMap(({ body, digest }) =>
        Effect.map(Schema.decodeEffect(Schema.fromJsonString(schema))(body), (value) => ({ value, digest }))
      ),
      Effect.option
    )

  const catalog = yield* ask("/v2/_catalog?n=1000", Repositories)
  if (Option.isNone(catalog)) return Option.none<ReadonlyArray<StoredTag>>()
  const found: Array<StoredTag> = []
  for (const repository of catalog.value.value.repositories.filter(isRepository)) {
    const tags = yield* ask(`/v2/${repository}/tags/list`, Tags)
    if (Option.isNone(tags)) continue
    for (const tag of (tags.value.value.tags ?? []).filter(isTag).sort()) {
      const manifest = yield* ask(`/v2/${repository}/manifests/${tag}`, Manifest.Manifest)
      if (Option.isNone(manifest)) continue
      const { digest, value } = manifest.value
      if (!isDigest(digest)) continue
      found.push({ repository, tag, digest, size: Manifest.sizeOf(value) })
    }
  }
  return Option.some<ReadonlyArray<StoredTag>>(found)
})

import { Effect, Option } from "effect"
import * as HttpResponse from "./Response.ts"
import * as Manifest from "./Manifest.ts"
import * as ManifestIndex from "./ManifestIndex.ts"
import { isDigest } from "./Digest.ts"
import { isTag } from "../../config/ImageReference.ts"
import type { References } from "./References.ts"
import type { StoreFailed } from "./RegistryError.ts"
import * as Route from "./Route.ts"
import type { Store } from "./Store.ts"

/** Called when a response starts, with the size in bytes and the digest of the blob or manifest. */
export type OnServed = (bytes: number, digest: string) => void

type HandlerResult = Effect.Effect<Response, StoreFailed>

/**
 * Serves the pull side of the OCI distribution API (docker's registry API, version 2) from a store.
 *
 * A blob or manifest is visible only in the repositories in which it was tagged.
 */
export const make = (store: Store, references: References, onServed: OnServed = () => undefined) => {
  // Manifests never change, so they can be cached.
  const blobs = new Map<string, ReadonlyMap<string, number>>()

  const blobsOf = Effect.fnUntraced(function* (digest: string) {
    const known = blobs.get(digest)
    if (known !== undefined) return known
    const manifest = yield* Manifest.load(store, digest)
    if (Option.isNone(manifest)) return new Map<string, number>()
    const { config, layers } = manifest.value
    const found = new Map([config, ...layers].map((part) => [part.digest, part.size]))
    blobs.set(digest, found)
    return found
  })

  const sizeOf = Effect.fnUntraced(function* (repository: string, digest: string) {
    for (const manifest of yield* references.manifests(repository)) {
      const size = (yield* blobsOf(manifest)).get(digest)
      if (size !== undefined) return size
    }
    return undefined
  })

  const manifest = Effect.fnUntraced(function* (request: Request, repository: string, reference: string) {
    const unknown = HttpResponse.failure(404, "MANIFEST_UNKNOWN", `${repository} has no manifest ${reference}.`)
    if (!isDigest(reference) && !isTag(reference)) return unknown
    const digest = isDigest(reference) ? Option.some(reference) : yield* references.resolveTag(repository, reference)
    if (Option.isNone(digest) || !(yield* references.manifests(repository)).includes(digest.value)) return unknown
    const bytes = yield* store.readBlob(digest.value)
    const parsed = Option.firstSomeOf([
      yield* Manifest.load(store, digest.value),
      yield* ManifestIndex.load(store, digest.value)
    ])
    if (Option.isNone(bytes) || Option.isNone(parsed)) return unknown
    if (request.method === "GET") onServed(bytes.value.length, digest.value)
    return HttpResponse.bytes(request.method, new Uint8Array(bytes.value), {
      "Content-Type": parsed.value.mediaType,
      "Docker-Content-Digest": digest.value,
      ETag: `"${digest.value}"`
    })
  })

  const blob = Effect.fnUntraced(function* (request: Request, repository: string, digest: string) {
    if (!isDigest(digest)) return HttpResponse.failure(400, "DIGEST_INVALID", `${digest} is not a sha256 digest.`)
    const size = yield* sizeOf(repository, digest)
    if (size === undefined || !(yield* store.hasBlob(digest, size))) {
      return HttpResponse.failure(404, "BLOB_UNKNOWN", `${repository} has no blob ${digest}.`)
    }
    const { length, response } = HttpResponse.file(
      request,
      { path: store.blobPath(digest), size },
      {
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": digest,
        ETag: `"${digest}"`
      }
    )
    if (length > 0) onServed(length, digest)
    return response
  })

  const tags = Effect.fnUntraced(function* (request: Request, repository: string, query: URLSearchParams) {
    const all = yield* references.tags(repository)
    if (all.length === 0) return HttpResponse.failure(404, "NAME_UNKNOWN", `Repository ${repository} does not exist.`)
    const rest = all.filter((tag) => tag > (query.get("last") ?? ""))
    const limit = /^\d+$/.test(query.get("n") ?? "") ? Number(query.get("n")) : rest.length
    const page = rest.slice(0, limit)
    const link = `</v2/${repository}/tags/list?n=${limit}&last=${page.at(-1)}>; rel="next"`
    return HttpResponse.json(
      request.method,
      { name: repository, tags: page },
      page.length > 0 && page.length < rest.length ? { Link: link } : {}
    )
  })

  const handle = (request: Request): HandlerResult => {
    const route = Route.parse(request)
    if (route instanceof Response) return Effect.succeed(route)
    switch (route._tag) {
      case "Base":
        return Effect.succeed(HttpResponse.json(request.method, {}))
      case "Manifest":
        return manifest(request, route.repository, route.reference)
      case "Blob":
        return blob(request, route.repository, route.digest)
      case "Tags":
        return tags(request, route.repository, route.query)
    }
  }

  return (request: Request): Effect.Effect<Response> =>
    Effect.catch(
      Effect.suspend(() => handle(request)),
      (error) => Effect.succeed(HttpResponse.failure(500, "UNKNOWN", error.message))
    )
}

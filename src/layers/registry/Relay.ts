import { Effect, Option, Schema } from "effect"
import * as HttpResponse from "./Response.ts"
import type { OnServed } from "./Handler.ts"
import { fetchLocal } from "./Loopback.ts"
import { isDigest } from "./Digest.ts"
import { isTag } from "../../config/ImageReference.ts"
import { accepted } from "./Manifest.ts"
import * as Route from "./Route.ts"

const Reference = Schema.Struct({ digest: Schema.String })

/** The references of a manifest, or of an index of manifests for several platforms. */
const Node = Schema.Struct({
  config: Schema.optionalKey(Reference),
  layers: Schema.optionalKey(Schema.Array(Reference)),
  manifests: Schema.optionalKey(Schema.Array(Reference))
})
const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Node))

/** The headers that the relay copies. */
const requestHeaders = ["Accept", "Range"]
const responseHeaders = [
  "Accept-Ranges",
  "Content-Length",
  "Content-Range",
  "Content-Type",
  "Docker-Content-Digest",
  "ETag"
]

const pickHeaders = (headers: Headers, names: ReadonlyArray<string>): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => (headers.has(name) ? [[name, headers.get(name) ?? ""]] : [])))

/**
 * Relays pulls to another registry on this machine, on `port`. Serves only the manifests in `only` and what they refer to:
 * servers must not push to that registry or see its other images.
 */
export const make = (port: number, only: ReadonlySet<string>, onServed: OnServed = () => undefined) => {
  const fetchUpstream = (path: string, init: RequestInit) =>
    Effect.tryPromise((signal) => fetchLocal(`http://127.0.0.1:${port}${path}`, { ...init, signal }))

  // Manifests never change, so their references can be cached.
  const cache = new Map<string, ReadonlySet<string>>()

  /** All digests in a repository that are in `only` or that those manifests refer to. */
  const allowedDigests = Effect.fnUntraced(function* (repository: string) {
    const before = cache.get(repository)
    if (before !== undefined) return before
    const found = new Set<string>()
    const pending = [...only]
    for (let digest = pending.pop(); digest !== undefined; digest = pending.pop()) {
      if (found.has(digest)) continue
      const response = yield* fetchUpstream(`/v2/${repository}/manifests/${digest}`, { headers: { Accept: accepted } })
      const text = yield* Effect.tryPromise(() => response.text())
      const node = response.ok ? decode(text) : Option.none()
      if (Option.isNone(node)) continue
      const { config, layers = [], manifests = [] } = node.value
      for (const part of [...layers, ...(config === undefined ? [] : [config])]) found.add(part.digest)
      found.add(digest)
      pending.push(...manifests.map((child) => child.digest))
    }
    if (found.size > 0) cache.set(repository, found)
    return found
  })

  const relay = Effect.fnUntraced(function* (request: Request, route: Route.Route) {
    if (route._tag === "Base") return HttpResponse.json(request.method, {})
    const isBlob = route._tag === "Blob"
    const reference = isBlob ? route.digest : route._tag === "Manifest" ? route.reference : ""
    const unknown = HttpResponse.failure(
      404,
      isBlob ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN",
      "This run does not serve it."
    )
    if (route._tag === "Tags" || !(isDigest(reference) || (isTag(reference) && !isBlob))) return unknown
    const digests = yield* allowedDigests(route.repository)
    if (isDigest(reference) && !digests.has(reference)) return unknown
    const path = `/v2/${route.repository}/${isBlob ? "blobs" : "manifests"}/${reference}`
    const response = yield* fetchUpstream(path, {
      method: request.method,
      headers: pickHeaders(request.headers, requestHeaders)
    })
    const digest = response.headers.get("Docker-Content-Digest") ?? reference
    if (!isDigest(reference) && !digests.has(digest)) {
      yield* Effect.ignore(Effect.tryPromise(() => response.body?.cancel() ?? Promise.resolve()))
      return unknown
    }
    const headers = { ...HttpResponse.versionHeader, ...pickHeaders(response.headers, responseHeaders) }
    if (request.method === "GET") onServed(Number(response.headers.get("Content-Length") ?? 0), digest)
    return new Response(request.method === "HEAD" ? null : response.body, { status: response.status, headers })
  })

  return (request: Request): Effect.Effect<Response> => {
    const route = Route.parse(request)
    if (route instanceof Response) return Effect.succeed(route)
    const badGateway = HttpResponse.failure(
      502,
      "UNKNOWN",
      `The registry on port ${port} of jiji's machine does not answer.`
    )
    return Effect.orElseSucceed(relay(request, route), () => badGateway)
  }
}

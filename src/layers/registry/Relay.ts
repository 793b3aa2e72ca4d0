import { Effect, Option, Schema } from "effect"
import * as Answer from "./Response.ts"
import type { OnServed } from "./Handler.ts"
import { fetchLocal } from "./Loopback.ts"
import { isDigest, isTag } from "./Names.ts"
import * as Route from "./Route.ts"

const Reference = Schema.Struct({ digest: Schema.String })

/** A manifest, or an index of manifests for several platforms, as far as it says what belongs to it. */
const Node = Schema.Struct({
  config: Schema.optionalKey(Reference),
  layers: Schema.optionalKey(Schema.Array(Reference)),
  manifests: Schema.optionalKey(Schema.Array(Reference))
})
const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Node))

const accepted = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json"
].join(", ")

/** What goes through of a request, and of an answer. */
const asked = ["Accept", "Range"]
const answered = ["Accept-Ranges", "Content-Length", "Content-Range", "Content-Type", "Docker-Content-Digest", "ETag"]

const some = (headers: Headers, names: ReadonlyArray<string>): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => (headers.has(name) ? [[name, headers.get(name) ?? ""]] : [])))

/**
 * The pull side of another registry on this machine, on `port`: the manifests in `only` with what belongs to them, and
 * nothing else. A registry itself takes whatever is pushed, and a server must not be given that.
 */
export const make = (port: number, only: ReadonlySet<string>, onServed: OnServed = () => undefined) => {
  const ask = (path: string, init: RequestInit) =>
    Effect.tryPromise((signal) => fetchLocal(`http://127.0.0.1:${port}${path}`, { ...init, signal }))

  // A manifest never changes, nor does what belongs to it.
  const known = new Map<string, ReadonlySet<string>>()

  /** Every digest of a repository that belongs to a manifest in `only`. */
  const allowed = Effect.fnUntraced(function* (repository: string) {
    const before = known.get(repository)
    if (before !== undefined) return before
    const found = new Set<string>()
    const open = [...only]
    for (let digest = open.pop(); digest !== undefined; digest = open.pop()) {
      if (found.has(digest)) continue
      const response = yield* ask(`/v2/${repository}/manifests/${digest}`, { headers: { Accept: accepted } })
      const text = yield* Effect.tryPromise(() => response.text())
      const node = response.ok ? decode(text) : Option.none()
      if (Option.isNone(node)) continue
      const { config, layers = [], manifests = [] } = node.value
      for (const part of [...layers, ...(config === undefined ? [] : [config])]) found.add(part.digest)
      found.add(digest)
      open.push(...manifests.map((child) => child.digest))
    }
    if (found.size > 0) known.set(repository, found)
    return found
  })

  const pass = Effect.fnUntraced(function* (request: Request, route: Route.Route) {
    if (route._tag === "Base") return Answer.json(request.method, {})
    const isBlob = route._tag === "Blob"
    const reference = isBlob ? route.digest : route._tag === "Manifest" ? route.reference : ""
    const unknown = Answer.failure(404, isBlob ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN", "It is none of this run's.")
    if (route._tag === "Tags" || !(isDigest(reference) || (isTag(reference) && !isBlob))) return unknown
    const digests = yield* allowed(route.repository)
    if (isDigest(reference) && !digests.has(reference)) return unknown
    const path = `/v2/${route.repository}/${isBlob ? "blobs" : "manifests"}/${reference}`
    const response = yield* ask(path, { method: request.method, headers: some(request.headers, asked) })
    const digest = response.headers.get("Docker-Content-Digest") ?? reference
    if (!isDigest(reference) && !digests.has(digest)) {
      yield* Effect.ignore(Effect.tryPromise(() => response.body?.cancel() ?? Promise.resolve()))
      return unknown
    }
    const headers = { ...Answer.version, ...some(response.headers, answered) }
    if (request.method === "GET") onServed(Number(response.headers.get("Content-Length") ?? 0), digest)
    return new Response(request.method === "HEAD" ? null : response.body, { status: response.status, headers })
  })

  return (request: Request): Effect.Effect<Response> => {
    const route = Route.parse(request)
    if (route instanceof Response) return Effect.succeed(route)
    const broken = Answer.failure(502, "UNKNOWN", `The registry on port ${port} of this machine does not answer.`)
    return Effect.orElseSucceed(pass(request, route), () => broken)
  }
}

import * as HttpResponse from "./Response.ts"
import { isPath } from "../../config/ImageReference.ts"

/** The resource that a request asks for. */
export type Route =
  | { readonly _tag: "Base" }
  | { readonly _tag: "Manifest"; readonly repository: string; readonly reference: string }
  | { readonly _tag: "Blob"; readonly repository: string; readonly digest: string }
  | { readonly _tag: "Tags"; readonly repository: string; readonly query: URLSearchParams }

const isLoopback = (host: string): boolean => /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i.test(host)

const notFound = () => HttpResponse.failure(404, "UNSUPPORTED", "Nothing exists at this path.")

/**
 * Parses a request to the pull side of the OCI distribution API. Rejects writes. Also rejects requests for other host
 * names than localhost, because a web page could send those by DNS rebinding.
 */
export const parse = (request: Request): Route | Response => {
  if (!isLoopback(request.headers.get("Host") ?? "localhost")) {
    return HttpResponse.failure(403, "DENIED", "This registry only answers requests for localhost.")
  }
  const { pathname, searchParams: query } = new URL(request.url)
  if (!pathname.startsWith("/v2")) return HttpResponse.failure(404, "UNSUPPORTED", "This registry only serves /v2/.")
  if (request.method !== "GET" && request.method !== "HEAD") {
    const message = "This registry is read-only. Only jiji adds images."
    return HttpResponse.failure(405, "UNSUPPORTED", message, { Allow: "GET, HEAD" })
  }
  if (pathname === "/v2" || pathname === "/v2/") return { _tag: "Base" }
  const [, repository = "", kind, reference = ""] = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(pathname) ?? []
  if (kind === undefined) return notFound()
  if (!isPath(repository)) {
    return HttpResponse.failure(400, "NAME_INVALID", `${repository} is not a valid repository name.`)
  }
  if (kind === "manifests") return { _tag: "Manifest", repository, reference }
  if (kind === "blobs") return { _tag: "Blob", repository, digest: reference }
  return reference === "list" ? { _tag: "Tags", repository, query } : notFound()
}

import * as Answer from "./Response.ts"
import { isRepository } from "./Names.ts"

/** What a request asks a registry for. */
export type Route =
  | { readonly _tag: "Base" }
  | { readonly _tag: "Manifest"; readonly repository: string; readonly reference: string }
  | { readonly _tag: "Blob"; readonly repository: string; readonly digest: string }
  | { readonly _tag: "Tags"; readonly repository: string; readonly query: URLSearchParams }

const isLoopback = (host: string): boolean => /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i.test(host)

const nothing = () => Answer.failure(404, "UNSUPPORTED", "There is nothing at this path.")

/**
 * Reads a request for the pull side of the OCI distribution API. Whatever would write is refused here, and so is a
 * request for another name than this machine's own: a page in a browser could send one, whose name leads here.
 */
export const parse = (request: Request): Route | Response => {
  if (!isLoopback(request.headers.get("Host") ?? "localhost")) {
    return Answer.failure(403, "DENIED", "This registry is called localhost.")
  }
  const { pathname, searchParams: query } = new URL(request.url)
  if (!pathname.startsWith("/v2")) return Answer.failure(404, "UNSUPPORTED", "Only /v2/ is served.")
  if (request.method !== "GET" && request.method !== "HEAD") {
    const message = "This registry is read-only: images come in through jiji alone."
    return Answer.failure(405, "UNSUPPORTED", message, { Allow: "GET, HEAD" })
  }
  if (pathname === "/v2" || pathname === "/v2/") return { _tag: "Base" }
  const [, repository = "", kind, reference = ""] = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(pathname) ?? []
  if (kind === undefined) return nothing()
  if (!isRepository(repository)) {
    return Answer.failure(400, "NAME_INVALID", `${repository} is not the name of a repository.`)
  }
  if (kind === "manifests") return { _tag: "Manifest", repository, reference }
  if (kind === "blobs") return { _tag: "Blob", repository, digest: reference }
  return reference === "list" ? { _tag: "Tags", repository, query } : nothing()
}

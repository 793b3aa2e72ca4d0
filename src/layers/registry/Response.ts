/** Error codes of the OCI distribution specification. */
export type Code =
  | "BLOB_UNKNOWN"
  | "DENIED"
  | "DIGEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "UNKNOWN"
  | "UNSUPPORTED"

/** The header by which clients recognise a registry. */
export const versionHeader = { "Docker-Distribution-API-Version": "registry/2.0" }

/** An error response in the format of the OCI distribution specification. */
export const failure = (status: number, code: Code, message: string, headers: Record<string, string> = {}): Response =>
  Response.json({ errors: [{ code, message }] }, { status, headers: { ...versionHeader, ...headers } })

/** A JSON response; for HEAD without the body. */
export const json = (method: string, value: unknown, headers: Record<string, string> = {}): Response =>
  bytes(method, Buffer.from(JSON.stringify(value)), { "Content-Type": "application/json", ...headers })

/** A response with bytes from memory; for HEAD without the body. */
export const bytes = (method: string, body: Uint8Array<ArrayBuffer>, headers: Record<string, string>): Response =>
  new Response(method === "HEAD" ? null : body, {
    headers: { ...versionHeader, ...headers, "Content-Length": String(body.length) }
  })

/** A byte range of a resource. Both ends are inclusive. */
export interface Range {
  readonly first: number
  readonly last: number
}

/**
 * Parses a Range header with a single range. Undefined if there is none or it is not supported: the response then contains
 * the whole resource. `unsatisfiable` if the range starts after the end.
 */
export const parseRange = (header: string | null, size: number): Range | "unsatisfiable" | undefined => {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "") ?? []
  if (from === undefined || to === undefined || (from === "" && to === "")) return undefined
  if (from === "")
    return Number(to) === 0 || size === 0 ? "unsatisfiable" : { first: Math.max(0, size - Number(to)), last: size - 1 }
  if (to !== "" && Number(to) < Number(from)) return undefined
  if (Number(from) >= size) return "unsatisfiable"
  return { first: Number(from), last: to === "" ? size - 1 : Math.min(Number(to), size - 1) }
}

/**
 * A response with a file or a range of it; for HEAD without the body. Bun lets the kernel send files (sendfile), so that
 * slow clients cost this process no memory.
 */
export const file = (
  request: Request,
  source: { readonly path: string; readonly size: number },
  headers: Record<string, string>
): { readonly response: Response; readonly length: number } => {
  const { path, size } = source
  const range = parseRange(request.headers.get("Range"), size)
  const all = { ...versionHeader, ...headers, "Accept-Ranges": "bytes" }
  if (range === "unsatisfiable") {
    const response = new Response(null, { status: 416, headers: { ...all, "Content-Range": `bytes */${size}` } })
    return { response, length: 0 }
  }
  const length = range === undefined ? size : range.last - range.first + 1
  const status = range === undefined ? 200 : 206
  const extra = range === undefined ? {} : { "Content-Range": `bytes ${range.first}-${range.last}/${size}` }
  if (request.method === "HEAD" || length === 0) {
    const response = new Response(null, { status, headers: { ...all, ...extra, "Content-Length": String(length) } })
    return { response, length: 0 }
  }
  const body = range === undefined ? Bun.file(path) : Bun.file(path).slice(range.first, range.last + 1)
  return { response: new Response(body, { status, headers: { ...all, ...extra } }), length }
}

/** Codes of the OCI distribution specification for what goes wrong. */
export type Code =
  | "BLOB_UNKNOWN"
  | "DENIED"
  | "DIGEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "UNKNOWN"
  | "UNSUPPORTED"

/** Says that this is a registry. */
export const version = { "Docker-Distribution-API-Version": "registry/2.0" }

/** An error as clients of a registry read it. */
export const failure = (status: number, code: Code, message: string, headers: Record<string, string> = {}): Response =>
  Response.json({ errors: [{ code, message }] }, { status, headers: { ...version, ...headers } })

/** JSON, or its headers alone. */
export const json = (method: string, value: unknown, headers: Record<string, string> = {}): Response =>
  bytes(method, Buffer.from(JSON.stringify(value)), { "Content-Type": "application/json", ...headers })

/** Bytes that are in memory, or their headers alone. */
export const bytes = (method: string, body: Uint8Array<ArrayBuffer>, headers: Record<string, string>): Response =>
  new Response(method === "HEAD" ? null : body, {
    headers: { ...version, ...headers, "Content-Length": String(body.length) }
  })

/** Part of a resource: first and last byte, both included. */
export interface Range {
  readonly first: number
  readonly last: number
}

/**
 * Reads a Range header of one part. Nothing where there is none, or one that is not understood: the whole is the answer
 * then. `unsatisfiable` where it begins behind the end.
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
 * A file or a part of it, or the headers alone. Bun hands a file to the kernel: none of it passes through this process's
 * memory, however slow the reader is.
 */
export const file = (
  request: Request,
  source: { readonly path: string; readonly size: number },
  headers: Record<string, string>
): { readonly response: Response; readonly length: number } => {
  const { path, size } = source
  const range = parseRange(request.headers.get("Range"), size)
  const all = { ...version, ...headers, "Accept-Ranges": "bytes" }
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

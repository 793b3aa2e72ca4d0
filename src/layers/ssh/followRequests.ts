/** Which repository of a registry a connection's current response belongs to. */
export interface Requests {
  /** Reads the next bytes that the client sent. */
  read(piece: Buffer): void
  /** The repository of the last request. Undefined before the first one, and if it was for none. */
  repository(): string | undefined
}

/** Longer than any request line of an engine: repository names have at most 255 characters. */
const maxLine = 1024

/** Longer than the headers of any request. Larger pieces are data, which would only cost time. */
const maxPiece = 16 * 1024

const requestLine = /^(?:GET|HEAD) \/v2\/(?:(\S+)\/(?:manifests|blobs|tags)\/)?\S* HTTP\/1\.[01]\r?$/

/**
 * Follows the requests of one HTTP/1.1 connection to a registry. A client sends the next request only after the response to
 * the last one. Ignores everything else, such as connections that are not HTTP.
 */
export const followRequests = (): Requests => {
  // The beginning of a line that may be a request line.
  let line = ""
  let current: string | undefined
  return {
    read: (piece) => {
      if (piece.length > maxPiece) return
      const lines = (line + piece.toString("latin1")).split("\n")
      line = (lines.pop() ?? "").slice(0, maxLine)
      for (const each of lines) {
        const match = requestLine.exec(each)
        if (match !== null) current = match[1]
      }
    },
    repository: () => current
  }
}

const lineBreak = 0x0a

const strict = () => new TextDecoder("utf-8", { fatal: true })

const decodes = (bytes: Uint8Array): boolean => {
  try {
    strict().decode(bytes)
    return true
  } catch {
    return false
  }
}

/** Decodes UTF-8 and removes a byte order mark. Returns the first line that is not valid UTF-8, if any, starting at 1. */
export const decodeUtf8 = (bytes: Uint8Array): string | { readonly line: number } => {
  if (decodes(bytes)) return strict().decode(bytes)
  let line = 1
  let start = 0
  for (let end = bytes.indexOf(lineBreak); end !== -1; end = bytes.indexOf(lineBreak, start)) {
    if (!decodes(bytes.subarray(start, end))) break
    start = end + 1
    line++
  }
  return { line }
}

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

/** The text of UTF-8 bytes, without a byte order mark; or the first line that is something else, counted from 1. */
export const utf8 = (bytes: Uint8Array): string | { readonly line: number } => {
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

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

/** Stands for bytes that are not UTF-8: lone surrogates, which no UTF-8 text contains. */
export const undecodable = "\uDFFE\uDFFE\uDFFE"

/** Decodes UTF-8 and removes a byte order mark. In lines that are not valid, {@link undecodable} replaces what is wrong. */
export const decodeLines = (bytes: Uint8Array): string => {
  if (decodes(bytes)) return strict().decode(bytes)
  const lines: Array<string> = []
  for (let start = 0; start <= bytes.length;) {
    const at = bytes.indexOf(lineBreak, start)
    const end = at === -1 ? bytes.length : at
    const line = bytes.subarray(start, end)
    lines.push(decodes(line) ? strict().decode(line) : new TextDecoder().decode(line).replaceAll("\uFFFD", undecodable))
    start = end + 1
  }
  return lines.join("\n")
}

import { cutMark } from "./text.ts"

/** Characters that take no space on a screen: control and format characters, variation selectors and the like. */
const invisible = /(?![\t\r\n])[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2028\u2029]/gu

const cutHere = `(?=${RegExp.escape(cutMark)})`
const cutColor = new RegExp(`\\u001b(?:\\[[\\d;]*)?${cutHere}`, "g")

/** Returns a text as a reader sees it: without colours and invisible characters. */
export const toVisible = (text: string): string =>
  Bun.stripANSI(text.includes(cutMark) ? text.replaceAll(cutColor, "") : text).replaceAll(invisible, "")

const hex = "[\\da-fA-F]"
const continuation = `%[89abAB]${hex}`

/** The code of one character, or what is left of one before a cut. */
const code = new RegExp(
  [
    // A character as UTF-8 bytes in a URL.
    `%[0-7]${hex}`,
    `%[cdCD]${hex}${continuation}`,
    `%[eE]${hex}(?:${continuation}){2}`,
    `%[fF][0-7](?:${continuation}){3}`,
    // An escape of JSON.
    `\\\\u${hex}{4}`,
    `\\\\["\\\\/bfnrt]`,
    `(?:%[89a-fA-F]${hex}){0,3}%${hex}{0,2}${cutHere}`,
    `\\\\(?:u${hex}{0,3})?${cutHere}`
  ].join("|"),
  "g"
)

const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }

const decodeCode = (code: string): string => {
  if (code.startsWith("%")) {
    // Half a character before a cut decodes to U+FFFD.
    return Buffer.from(code.replaceAll("%", ""), "hex").toString().replaceAll("\ufffd", "")
  }
  const [, kind = ""] = code
  if (kind !== "u") return escapes[kind] ?? kind
  return code.length === 6 ? String.fromCharCode(Number.parseInt(code.slice(2), 16)) : ""
}

/** A text with its codes decoded. */
interface Decoded {
  readonly text: string
  /** Returns the part of the original text that a part of the decoded text comes from. */
  readonly original: (start: number, end: number) => readonly [start: number, end: number]
}

/** Where a code is in the decoded text, and where in the original. */
interface Code {
  readonly start: number
  readonly end: number
  readonly originalStart: number
  readonly originalEnd: number
}

/** Decodes the percent codes of URLs and the escapes of JSON in a text. Returns undefined if there are none. */
export const decodeCodes = (text: string): Decoded | undefined => {
  if (!/[%\\]/.test(text)) return undefined
  const codes: Array<Code> = []
  let decoded = ""
  let from = 0
  for (const { 0: match, index } of text.matchAll(code)) {
    decoded += text.slice(from, index)
    const start = decoded.length
    decoded += decodeCode(match)
    from = index + match.length
    codes.push({ start, end: decoded.length, originalStart: index, originalEnd: from })
  }
  if (codes.length === 0) return undefined
  decoded += text.slice(from)

  /** Returns the original place of a character: [start, end). */
  const originalOf = (position: number): readonly [number, number] => {
    let [low, high] = [0, codes.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((codes[middle]?.start ?? 0) <= position) low = middle + 1
      else high = middle
    }
    const last = codes[low - 1]
    if (last === undefined) return [position, position + 1]
    if (position < last.end) return [last.originalStart, last.originalEnd]
    const at = last.originalEnd + position - last.end
    return [at, at + 1]
  }
  return { text: decoded, original: (start, end) => [originalOf(start)[0], originalOf(end - 1)[1]] }
}

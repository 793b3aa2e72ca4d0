/** What a tar archive says about an entry, as far as image archives need it. */
export interface TarHeader {
  readonly name: string
  readonly type: "file" | "link" | "symlink" | "other"
  /** The size of the body in bytes. */
  readonly size: number
  /** The target of a link, or empty. */
  readonly linkname: string
}

/** Headers and bodies are padded to blocks of this size. */
export const blockSize = 512

/** Fields that a preceding entry sets for the next one, because they do not fit into its header. */
export type Overrides = Partial<Pick<TarHeader, "name" | "size" | "linkname">>

/** An entry whose body holds fields of the next entry, or of all further ones. */
export type Extension = "pax" | "pax-global" | "long-name" | "long-link"

/** A header block. */
export interface Parsed {
  readonly header: TarHeader
  readonly extension: Extension | undefined
}

const text = new TextDecoder()

const field = (block: Uint8Array, offset: number, length: number): string => {
  const bytes = block.subarray(offset, offset + length)
  const end = bytes.indexOf(0)
  return text.decode(end === -1 ? bytes : bytes.subarray(0, end))
}

const invalid = (what: string) => new Error(`Invalid tar header: ${what}.`)

/** Octal digits, padded with spaces and zero bytes. Numbers that are too large for those are binary, marked by the first bit. */
const number = (block: Uint8Array, offset: number, length: number, what: string): number => {
  const bytes = block.subarray(offset, offset + length)
  const [first = 0, ...rest] = bytes
  if ((first & 0x80) !== 0) {
    const value = rest.reduce((sum, byte) => sum * 256 + byte, first & 0x7f)
    if (Number.isSafeInteger(value)) return value
    throw invalid(what)
  }
  const digits = field(block, offset, length).trim()
  if (!/^[0-7]*$/.test(digits)) throw invalid(what)
  return digits === "" ? 0 : Number.parseInt(digits, 8)
}

const checksum = { offset: 148, length: 8 }

/** The sum of all bytes, with spaces in place of the checksum itself. */
const sumOf = (block: Uint8Array): number => {
  let sum = checksum.length * 0x20
  for (const [at, byte] of block.entries()) {
    if (at < checksum.offset || at >= checksum.offset + checksum.length) sum += byte
  }
  return sum
}

const types: Readonly<Record<string, TarHeader["type"]>> = {
  "\0": "file",
  "0": "file",
  "1": "link",
  "2": "symlink",
  "7": "file"
}
const extensions: Readonly<Record<string, Extension>> = {
  K: "long-link",
  L: "long-name",
  g: "pax-global",
  x: "pax"
}

export const isZero = (block: Uint8Array): boolean => block.every((byte) => byte === 0)

/** Parses a header block of the ustar, PAX or GNU format. Throws if it is none. */
export const parse = (block: Uint8Array): Parsed => {
  if (number(block, checksum.offset, checksum.length, "checksum") !== sumOf(block)) throw invalid("checksum")
  const flag = String.fromCharCode(block[156] ?? 0)
  // GNU's format has other fields in place of the prefix.
  const prefix = field(block, 257, 8) === "ustar" ? field(block, 345, 155) : ""
  const name = field(block, 0, 100)
  const type = types[flag] ?? "other"
  // Links, devices, folders and pipes have no body, whatever their size says.
  const size = /[1-6]/.test(flag) ? 0 : number(block, 124, 12, "size")
  const header = { name: prefix === "" ? name : `${prefix}/${name}`, type, size, linkname: field(block, 157, 100) }
  return { header, extension: extensions[flag] }
}

/** Parses PAX records: `LENGTH KEY=VALUE\n`, where the length includes itself. Throws if they are broken. */
export const parsePax = (bytes: Uint8Array): Overrides => {
  const overrides: { -readonly [Key in keyof Overrides]: Overrides[Key] } = {}
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at)
    const length = Number(text.decode(bytes.subarray(at, space)))
    const end = at + length
    if (space === -1 || !(end > space && end <= bytes.length) || bytes[end - 1] !== 0x0a) throw invalid("PAX record")
    const [, key = "", value = ""] = /^([^=]*)=(.*)$/s.exec(text.decode(bytes.subarray(space + 1, end - 1))) ?? []
    if (key === "path") overrides.name = value
    if (key === "linkpath") overrides.linkname = value
    if (key === "size") {
      if (!/^\d+$/.test(value) || !Number.isSafeInteger(Number(value))) throw invalid("size")
      overrides.size = Number(value)
    }
    at = end
  }
  return overrides
}

/** Parses the body of an entry that holds fields of the next ones. GNU's long names end with a zero byte. */
export const parseExtension = (extension: Extension, bytes: Uint8Array): Overrides => {
  switch (extension) {
    case "long-link":
      return { linkname: field(bytes, 0, bytes.length) }
    case "long-name":
      return { name: field(bytes, 0, bytes.length) }
    default:
      return parsePax(bytes)
  }
}

import { commandEnd } from "./commandValue.ts"
import { undecodable } from "./utf8.ts"

/** A line of a `.env` file with a syntax error. The message does not quote the line, which may have a secret. */
export interface DotEnvFault {
  /** Starts at 1. */
  readonly line: number
  /** Completes the sentence "This line …". */
  readonly message: string
}

/** A value, or a command that prints the value. */
export type DotEnvValue =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Command"; readonly command: string }

const opening = /^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=/u

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\", $: "$", "\n": "" }

const closing = { '"': /^"((?:[^"\\]|\\[^])*)"/u, "'": /^'([^']*)'/u, "`": /^`([^`]*)`/u } as const

const isQuote = (text: string | undefined): text is keyof typeof closing => text !== undefined && text in closing

/** Parses `$(command)` or a plain value. Returns an error message if a command is not closed, or text follows it. */
const readValue = (value: string): DotEnvValue | string => {
  const end = commandEnd(value)
  if (end === undefined) return { _tag: "Text", text: value }
  if (end === 0) return `opens a command with $( but does not close it; ${otherwise}`
  if (end < value.length) return `has text after the command in $( ); ${otherwise}`
  return { _tag: "Command", command: value.slice(2, -1) }
}
const otherwise = "use single quotes for a literal value"

/** A parsed `.env` file. */
export interface DotEnv {
  readonly values: ReadonlyMap<string, DotEnvValue>
  readonly faults: ReadonlyArray<DotEnvFault>
  /** Whether a line with a syntax error may define this variable, or change its value. */
  mayDefine(name: string): boolean
  /** The lines with syntax errors where a missing variable may be: not those that clearly define something else. */
  linesFor(name: string): ReadonlyArray<number>
}

/** A key that is not a variable name, such as `foo.bar=1`. */
const oddKey = /^([^=\n]+)=/u

/** The end of a base64 text of several lines without quotes. It is not a key: it belongs to the value above it. */
const base64End = /^[A-Za-z0-9+/]+={1,2}[ \t]*(?:\n|$)/u

const words = (text: string): ReadonlySet<string> => new Set(text.split(/[^A-Za-z0-9_]+/u))

/** Such as `database.url` or `DATABASE-URL` for DATABASE_URL. */
const resembles = (key: string, name: string): boolean =>
  [key, ...key.split(/[^\w.-]+/u)].some(
    (each) => each.trim().replace(/\W+/gu, "_").toUpperCase() === name.toUpperCase()
  )

/**
 * Parses a `.env` file: one `NAME=value` or `export NAME=value` per line, and `#` comments. Variables are not expanded.
 *
 * - In single quotes or backticks, a value is literal. In double quotes, the escapes are `\n`, `\r`, `\t`, `\"`, `\\` and
 *   `\$`. A quoted value can have several lines.
 * - Without quotes, `#` only starts a comment after a space, because it may be part of a password.
 * - `$(command)`, without quotes or in double quotes, is a command if it is the whole value. It is not run here.
 */
export const parseDotEnv = (contents: string): DotEnv => {
  const values = new Map<string, DotEnvValue>()
  const faults: Array<DotEnvFault> = []
  const odd: Array<{ readonly line: number; readonly key: string }> = []
  const suspects = new Set<string>()
  /** The text after the first value that is not closed. It may be part of that value, or define variables. */
  let hidden: string | undefined
  let above: string | undefined
  let rest = contents.replace(/\r\n?/gu, "\n")
  let line = 1
  const skip = (length: number) => {
    line += rest.slice(0, length).split("\n").length - 1
    rest = rest.slice(length)
  }
  const endOfLine = (): number => (rest.includes("\n") ? rest.indexOf("\n") : rest.length)
  const set = (name: string | undefined, value: DotEnvValue | string, at: number) => {
    const text = typeof value === "string" ? "" : value._tag === "Text" ? value.text : value.command
    const fault =
      typeof value === "string"
        ? value
        : text.includes(undecodable)
          ? "is not UTF-8 text"
          : value._tag === "Text" && text.includes("\0")
            ? "contains a NUL byte, which no variable can hold"
            : undefined
    if (fault !== undefined) {
      faults.push({ line: at, message: fault })
      if (name !== undefined) suspects.add(name)
    } else if (name !== undefined && typeof value !== "string") values.set(name, value)
  }
  /** Reads the value after `=`. Without a name, only skips it. */
  const parseValue = (name: string | undefined): void => {
    const whole = rest
    const first = line
    const notClosed = (message: string) => {
      hidden ??= whole
      set(name, message, first)
      skip(endOfLine())
    }
    const indent = /^[ \t]*/u.exec(rest)?.[0].length ?? 0
    const quote = rest[indent]
    if (!isQuote(quote)) {
      // A `#` inside a command does not start a comment.
      const length = commandEnd(rest.slice(indent, endOfLine()))
      const end = length === undefined ? 0 : indent + length
      const command = rest.slice(0, end)
      const [value = ""] = rest.slice(end, endOfLine()).split(/[ \t]#/u)
      if (length === 0) hidden ??= whole
      set(name, readValue(`${command}${value}`.trim()), first)
      return skip(endOfLine())
    }
    skip(indent)
    const quoted = closing[quote].exec(rest)
    const inner = quoted?.[1]
    if (quoted === null || inner === undefined) return notClosed(`opens a value with ${quote} but does not close it`)
    skip(quoted[0].length)
    if (!/^[ \t]*(?:#.*)?(?:\n|$)/u.test(rest)) {
      return notClosed(
        "has text after the closing quote; escape a quote inside the value with a backslash, or use other quotes"
      )
    }
    skip(endOfLine())
    const plain = inner.replace(/\\([^])/gu, (pair, key: string) => escapes[key] ?? pair)
    if (quote === '"') set(name, inner.startsWith("$(") ? readValue(plain) : { _tag: "Text", text: plain }, first)
    else set(name, { _tag: "Text", text: inner }, first)
  }
  for (;;) {
    if (rest === "") break
    const blank = /^\s+|^#.*/u.exec(rest)
    if (blank !== null) {
      skip(blank[0].length)
      continue
    }
    const start = opening.exec(rest)
    if (start !== null) {
      above = start[1]
      skip(start[0].length)
      parseValue(above)
      continue
    }
    faults.push({ line, message: "does not have the form NAME=value" })
    const [assignment, key] = base64End.test(rest) ? [] : (oddKey.exec(rest) ?? [])
    if (assignment !== undefined && key !== undefined) {
      odd.push({ line, key })
      for (const word of key.split(/[^\w.-]+/u)) suspects.add(word)
      skip(assignment.length)
      parseValue(undefined)
      continue
    }
    // It may be a line of the value above.
    if (above !== undefined) suspects.add(above)
    for (const word of words(rest.slice(0, endOfLine()))) suspects.add(word)
    skip(endOfLine())
  }
  if (hidden !== undefined) for (const word of words(hidden)) suspects.add(word)
  return {
    values,
    faults,
    mayDefine: (name) => suspects.has(name),
    linesFor: (name) => {
      const others = new Set(odd.filter(({ key }) => !resembles(key, name)).map(({ line }) => line))
      return [...new Set(faults.map(({ line }) => line))].filter((line) => !others.has(line))
    }
  }
}

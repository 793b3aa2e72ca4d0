import { commandEnd } from "./commandValue.ts"

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

/**
 * Parses a `.env` file: one `NAME=value` or `export NAME=value` per line, and `#` comments. Variables are not expanded.
 *
 * - In single quotes or backticks, a value is literal. In double quotes, the escapes are `\n`, `\r`, `\t`, `\"`, `\\` and
 *   `\$`. A quoted value can have several lines.
 * - Without quotes, `#` only starts a comment after a space, because it may be part of a password.
 * - `$(command)`, without quotes or in double quotes, is a command if it is the whole value. It is not run here.
 */
export const parseDotEnv = (
  contents: string
): { readonly values: ReadonlyMap<string, DotEnvValue>; readonly faults: ReadonlyArray<DotEnvFault> } => {
  const values = new Map<string, DotEnvValue>()
  const faults: Array<DotEnvFault> = []
  let rest = contents.replace(/\r\n?/gu, "\n")
  let line = 1
  const skip = (length: number) => {
    line += rest.slice(0, length).split("\n").length - 1
    rest = rest.slice(length)
  }
  const endOfLine = (): number => (rest.includes("\n") ? rest.indexOf("\n") : rest.length)
  const give = (message: string, at = line) => {
    faults.push({ line: at, message })
    skip(endOfLine())
  }
  const set = (name: string, value: DotEnvValue | string, at: number) => {
    if (typeof value === "string") faults.push({ line: at, message: value })
    else if (value._tag === "Text" && value.text.includes("\0")) {
      faults.push({ line: at, message: "contains a NUL byte, which no variable can hold" })
    } else values.set(name, value)
  }
  for (;;) {
    if (rest === "") return { values, faults }
    const blank = /^\s+|^#.*/u.exec(rest)
    if (blank !== null) {
      skip(blank[0].length)
      continue
    }
    const start = opening.exec(rest)
    const name = start?.[1]
    if (start === null || name === undefined) {
      give("does not have the form NAME=value")
      continue
    }
    skip(start[0].length)
    const indent = /^[ \t]*/u.exec(rest)?.[0].length ?? 0
    const quote = rest[indent]
    if (!isQuote(quote)) {
      // A `#` inside a command does not start a comment.
      const length = commandEnd(rest.slice(indent, endOfLine()))
      const end = length === undefined ? 0 : indent + length
      const command = rest.slice(0, end)
      const [value = ""] = rest.slice(end, endOfLine()).split(/[ \t]#/u)
      set(name, readValue(`${command}${value}`.trim()), line)
      skip(endOfLine())
      continue
    }
    skip(indent)
    const quoted = closing[quote].exec(rest)
    const inner = quoted?.[1]
    if (quoted === null || inner === undefined) {
      give(`opens a value with ${quote} but does not close it`)
      continue
    }
    const first = line
    skip(quoted[0].length)
    if (!/^[ \t]*(?:#.*)?(?:\n|$)/u.test(rest)) {
      give(
        "has text after the closing quote; escape a quote inside the value with a backslash, or use other quotes",
        first
      )
      continue
    }
    skip(endOfLine())
    const plain = inner.replace(/\\([^])/gu, (pair, key: string) => escapes[key] ?? pair)
    if (quote === '"') set(name, inner.startsWith("$(") ? readValue(plain) : { _tag: "Text", text: plain }, first)
    else set(name, { _tag: "Text", text: inner }, first)
  }
}

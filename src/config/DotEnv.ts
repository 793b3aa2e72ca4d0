/** A line of a `.env` file that cannot be read. What it holds may be a secret, so it is not quoted. */
export interface DotEnvFault {
  /** Counted from 1. */
  readonly line: number
  /** A sentence that has the line as its subject. */
  readonly message: string
}

const opening = /^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=/u

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\", $: "$", "\n": "" }

const closing = { '"': /^"((?:[^"\\]|\\[^])*)"/u, "'": /^'([^']*)'/u, "`": /^`([^`]*)`/u } as const

const isQuote = (text: string | undefined): text is keyof typeof closing => text !== undefined && text in closing

/**
 * Reads a `.env` file: `NAME=value` or `export NAME=value`, one a line, `#` comments. Nothing is interpolated. A value
 * in single quotes or backticks is literal, one in double quotes knows `\n`, `\r`, `\t`, `\"`, `\\` and `\$`; both may
 * hold several lines. Without quotes, a `#` begins a comment only after a space, so that it may be part of a password.
 */
export const parseDotEnv = (
  contents: string
): { readonly values: ReadonlyMap<string, string>; readonly faults: ReadonlyArray<DotEnvFault> } => {
  const values = new Map<string, string>()
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
      give("is not of the form NAME=value")
      continue
    }
    skip(start[0].length)
    const indent = /^[ \t]*/u.exec(rest)?.[0].length ?? 0
    const quote = rest[indent]
    if (!isQuote(quote)) {
      const [value = ""] = rest.slice(0, endOfLine()).split(/[ \t]#/u)
      skip(endOfLine())
      values.set(name, value.trim())
      continue
    }
    skip(indent)
    const quoted = closing[quote].exec(rest)
    const inner = quoted?.[1]
    if (quoted === null || inner === undefined) {
      give(`opens a value with ${quote} and never closes it`)
      continue
    }
    const first = line
    skip(quoted[0].length)
    if (!/^[ \t]*(?:#.*)?(?:\n|$)/u.test(rest)) {
      give("goes on after the closing quote; a quote inside the value needs a backslash, or the other quotes", first)
      continue
    }
    skip(endOfLine())
    values.set(name, quote === '"' ? inner.replace(/\\([^])/gu, (pair, key: string) => escapes[key] ?? pair) : inner)
  }
}

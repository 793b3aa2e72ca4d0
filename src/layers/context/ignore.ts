/** A file of a context that lists what a build does not need, such as `.dockerignore`. */
export interface IgnoreRules {
  /** Whether it excludes a path of the context, such as `src/main.ts`. */
  readonly excludes: (path: string) => boolean
  /** Whether a folder that it excludes may contain something that it includes again. */
  readonly hasExceptions: boolean
}

interface Rule {
  readonly pattern: RegExp
  readonly isException: boolean
}

/** Resolves `.`, `..` and repeated slashes, as Go's `path.Clean` does. */
const clean = (path: string): string => {
  const parts: Array<string> = []
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop()
    else if (part !== ".." || !path.startsWith("/")) parts.push(part)
  }
  return parts.join("/")
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/gu, String.raw`\$&`)

/** The regular expression of a pattern, as docker makes it: https://github.com/moby/patternmatcher */
const expressionOf = (pattern: string): RegExp | undefined => {
  let source = ""
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? ""
    if (character === "*" && pattern[at + 1] === "*") {
      at++
      if (pattern[at + 1] === "/") at++
      source += at + 1 >= pattern.length ? ".*" : "(?:.*/)?"
    } else if (character === "*") source += "[^/]*"
    else if (character === "?") source += "[^/]"
    else if (character === "\\") source += escape(pattern[++at] ?? "\\")
    else if (character === "[") {
      const end = pattern.indexOf("]", at + 2)
      if (end < 0) return undefined
      const set = pattern.slice(at + 1, end)
      const isNot = set.startsWith("^")
      source += `[${isNot ? "^" : ""}${set.slice(isNot ? 1 : 0).replace(/[\\[\]]/gu, String.raw`\$&`)}]`
      at = end
    } else source += escape(character)
  }
  try {
    // A pattern also stands for everything in a folder that it matches.
    return new RegExp(`^${source}(?:/|$)`, "su")
  } catch {
    return undefined
  }
}

/** Reads the rules of an ignore file. A later rule wins. The engine reports patterns that are invalid. */
export const parseIgnoreFile = (text: string): IgnoreRules => {
  const rules = text
    .replace(/^\uFEFF/u, "")
    .split("\n")
    .flatMap((line): ReadonlyArray<Rule> => {
      if (line.startsWith("#")) return []
      const trimmed = line.trim()
      const isException = trimmed.startsWith("!")
      const path = clean((isException ? trimmed.slice(1) : trimmed).trim())
      const pattern = path === "" ? undefined : expressionOf(path)
      return pattern === undefined ? [] : [{ pattern, isException }]
    })
  return {
    excludes: (path) => {
      const last = rules.findLast(({ pattern }) => pattern.test(path))
      return last !== undefined && !last.isException
    },
    hasExceptions: rules.some(({ isException }) => isException)
  }
}

import { Effect } from "effect"
import { readRegularFile } from "../../config/regularFile.ts"
import { failWithImportError } from "./faults.ts"
import type { PipelineFile } from "./find.ts"
import { PipelineNotFound, PipelineUnreadable } from "./PipelineFileError.ts"

const simpleEscapes: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  f: "\f",
  v: "\v",
  0: "\0"
}

/** The value of a string literal, given without its quotes. */
const unescape = (text: string): string =>
  text.replaceAll(
    /\\(?:x([\da-f]{2})|u([\da-f]{4})|u\{([\da-f]{1,6})\}|([^]))/gi,
    (_, two?: string, four?: string, braces?: string, one = "") => {
      const code = two ?? four ?? braces
      if (code === undefined) return one === "\n" ? "" : (simpleEscapes[one] ?? one)
      return Number.parseInt(code, 16) > 0x10ffff ? "" : String.fromCodePoint(Number.parseInt(code, 16))
    }
  )

const literal = /"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'|`(?:[^`\\$]|\\[^]|\$(?!\{))*`/y

/** The `description` of `Runnable.make({ … })` in JavaScript without comments, if it is a literal there. */
const descriptionIn = (code: string): string | undefined => {
  const start = /\bRunnable\.make\(\s*\{/.exec(code)
  if (start === null) return undefined
  const literalAt = (index: number): string | undefined => {
    literal.lastIndex = index
    return literal.exec(code)?.[0]
  }
  // Deeper levels have descriptions too: those of the flags.
  let depth = 1
  for (let at = start.index + start[0].length; at < code.length && depth > 0; at++) {
    const key = depth === 1 ? /^[{,\s]"?description"?:\s*/.exec(code.slice(at - 1, at + 200)) : null
    if (key !== null) {
      const begin = at - 1 + key[0].length
      const found = literalAt(begin)
      if (found === undefined || !/^\s*[,}]/.test(code.slice(begin + found.length, begin + found.length + 200))) {
        return undefined
      }
      return unescape(found.slice(1, -1))
    }
    const character = code[at] ?? ""
    if ("{[(".includes(character)) depth++
    else if ("}])".includes(character)) depth--
    else if (`"'\``.includes(character)) at += Math.max(1, literalAt(at)?.length ?? 1) - 1
  }
  return undefined
}

/** The first line of the comment at the top of a file. */
const leadingComment = (source: string): string => {
  const text = source.replace(/^\uFEFF?(?:#!.*\n)?\s*/u, "")
  const [, block, line] = /^\/\*+([^]*?)\*\/|^\/\/(.*)/u.exec(text) ?? []
  const lines = (block ?? line ?? "").split("\n").map((each) => each.replace(/^\s*\*?\s*/u, "").trim())
  return lines.find((each) => each !== "") ?? ""
}

/**
 * Reads the description of a pipeline from its file, without running the file: the literal in `Runnable.make`, or else the
 * first line of a comment at its top. Fails if the file cannot be read or does not compile.
 */
export const readDescription = Effect.fnUntraced(function* (file: PipelineFile) {
  const { displayPath } = file
  const bytes = yield* Effect.mapError(
    readRegularFile(file.path),
    (reason) => new PipelineUnreadable({ file: displayPath, reason })
  )
  if (bytes === undefined) return yield* new PipelineNotFound({ file: displayPath, known: [] })
  const source = new TextDecoder().decode(bytes)
  const loader = file.path.endsWith("ts") ? "ts" : "js"
  const code = yield* Effect.try({
    try: () => new Bun.Transpiler({ loader }).transformSync(source),
    catch: (error) => ({ error })
  }).pipe(Effect.catch(({ error }) => failWithImportError(file, error)))
  return descriptionIn(code) ?? leadingComment(source)
})

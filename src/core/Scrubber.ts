import { Context, Layer, Redacted } from "effect"
import * as PatternSet from "./PatternSet.ts"
import { decodeCodes, toVisible } from "./plainText.ts"
import { secretForms } from "./secretForms.ts"

const mask = "<redacted>"

const maskRanges = (text: string, ranges: ReadonlyArray<readonly [start: number, end: number]>): string => {
  let output = ""
  let from = 0
  for (const [start, end] of ranges) {
    output += `${text.slice(from, start)}${mask}`
    from = end
  }
  return from === 0 ? text : output + text.slice(from)
}

/**
 * Replaces known secrets with `<redacted>`. jiji adds each secret when it reads it, and passes everything through here
 * before showing, publishing or storing it.
 *
 * A secret is also found in other forms: single lines of it, its beginning before a cut, and encoded as base64, URL, JSON or
 * a quoted shell word. Secrets and lines shorter than 4 characters are not replaced, because they would match ordinary text.
 */
export class Scrubber extends Context.Service<
  Scrubber,
  {
    /** Adds a secret. */
    add(value: Redacted.Redacted<string>): void
    /** Returns the text with every known secret replaced. */
    text(text: string): string
    /** Returns a copy of plain data (objects, arrays, primitives) with secrets replaced in every string and object key. */
    deep<A>(value: A): A
  }
>()("jiji/core/Scrubber") {
  /** Creates a scrubber without secrets. */
  static readonly make = (): Scrubber["Service"] => {
    let isEmpty = true
    const patterns = PatternSet.make()
    const maskLiterals = (input: string): string => maskRanges(input, patterns.ranges(input))
    /** Replaces secrets that are encoded for a URL or for JSON. There are many ways, so decode the text instead. */
    const maskCodes = (input: string): string => {
      const decoded = decodeCodes(input)
      if (decoded === undefined) return input
      return maskRanges(
        input,
        patterns.ranges(decoded.text).map(([start, end]) => decoded.original(start, end))
      )
    }
    const text = (input: string): string => {
      if (isEmpty) return input
      const output = maskCodes(maskLiterals(input))
      // A reader does not see colours and invisible characters, so look for secrets with those removed, too.
      const visible = toVisible(output)
      const masked = visible === output ? output : maskCodes(maskLiterals(visible))
      return masked === visible ? output : masked
    }
    const deep = (value: unknown): unknown => {
      if (typeof value === "string") return text(value)
      if (Array.isArray(value)) return value.map(deep)
      if (typeof value === "object" && value !== null) {
        return Object.fromEntries(Object.entries(value).map(([key, inner]) => [text(key), deep(inner)]))
      }
      return value
    }
    return Scrubber.of({
      add: (value) => {
        isEmpty = false
        for (const form of secretForms(Redacted.value(value))) patterns.add(form)
      },
      text,
      // Scrubbing keeps the shape, but Object.entries loses the type.
      deep: <A>(value: A): A => (isEmpty ? value : (deep(value) as A))
    })
  }

  static readonly layer = Layer.sync(Scrubber, Scrubber.make)
}

import { Context, Layer, Redacted } from "effect"
import * as PatternSet from "./PatternSet.ts"
import { secretForms } from "./secretForms.ts"

const mask = "<redacted>"

/**
 * Replaces known secrets with `<redacted>`. jiji adds each secret when it reads it, and passes everything through here
 * before showing, publishing or storing it.
 *
 * A secret is also found in other forms: single lines of it, and encoded as base64, URL, JSON or a quoted shell word.
 * Secrets and lines shorter than 4 characters are not replaced, because they would match ordinary text.
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
    const maskAll = (input: string): string => {
      let output = ""
      let from = 0
      for (const [begin, end] of patterns.ranges(input)) {
        output += `${input.slice(from, begin)}${mask}`
        from = end
      }
      return from === 0 ? input : output + input.slice(from)
    }
    const text = (input: string): string => {
      if (isEmpty) return input
      const output = maskAll(input)
      // A reader does not see colours and invisible characters, so look for secrets with those removed, too.
      const visible = Bun.stripANSI(output).replaceAll(/(?![\t\r\n])[\p{Cc}\p{Cf}\u2028\u2029]/gu, "")
      const masked = visible === output ? output : maskAll(visible)
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

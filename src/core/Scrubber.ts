import { Context, Layer, Redacted } from "effect"
import * as Needles from "./PatternSet.ts"
import { secretForms } from "./secretForms.ts"

const mask = "<redacted>"

/**
 * Takes known secrets out of text. Values are added as they become known; text that is shown, published or stored
 * passes through here first.
 */
export class Scrubber extends Context.Service<
  Scrubber,
  {
    /** Makes a value known. */
    add(value: Redacted.Redacted<string>): void
    /** The text with every known value in it replaced. */
    text(text: string): string
    /** The same value with every string in it scrubbed, keys of objects among them; for plain data. */
    deep<A>(value: A): A
  }
>()("jiji/core/Scrubber") {
  /** A scrubber that knows nothing yet. */
  static readonly make = (): Scrubber["Service"] => {
    let isEmpty = true
    const needles = Needles.make()
    const masked = (input: string): string => {
      let output = ""
      let from = 0
      for (const [begin, end] of needles.places(input)) {
        output += `${input.slice(from, begin)}${mask}`
        from = end
      }
      return from === 0 ? input : output + input.slice(from)
    }
    const text = (input: string): string => {
      const output = masked(input)
      // Colours and other invisible characters within a value hide it here, and not from whoever reads it.
      const visible = Bun.stripANSI(output).replaceAll(/(?![\t\r\n])[\p{Cc}\p{Cf}\u2028\u2029]/gu, "")
      const reread = visible === output ? output : masked(visible)
      return reread === visible ? output : reread
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
        for (const form of secretForms(Redacted.value(value))) needles.add(form)
      },
      text,
      // Scrubbing keeps the shape, which the compiler cannot see through Object.entries.
      deep: <A>(value: A): A => (isEmpty ? value : (deep(value) as A))
    })
  }

  static readonly layer = Layer.sync(Scrubber, Scrubber.make)
}

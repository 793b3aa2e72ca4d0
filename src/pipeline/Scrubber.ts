import { Context, Layer, Redacted } from "effect"

/** Values shorter than this are not looked for: they would blot out ordinary words. */
const shortest = 4

const mask = "<redacted>"

/** The forms in which a value turns up in output: itself, its lines, and as base64, a URL part or JSON writes it. */
const forms = (value: string): ReadonlyArray<string> => [
  value,
  ...value.split(/\r?\n/),
  Buffer.from(value).toString("base64"),
  encodeURIComponent(value),
  JSON.stringify(value).slice(1, -1)
]

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
    /** The same value with every string in it scrubbed; for plain data. */
    deep<A>(value: A): A
  }
>()("jiji/pipeline/Scrubber") {
  /** A scrubber that knows nothing yet. */
  static readonly make = (): Scrubber["Service"] => {
    let known: ReadonlyArray<string> = []
    const text = (input: string): string => {
      let output = input
      for (const value of known) if (output.includes(value)) output = output.replaceAll(value, mask)
      return output
    }
    const deep = (value: unknown): unknown => {
      if (typeof value === "string") return text(value)
      if (Array.isArray(value)) return value.map(deep)
      if (typeof value === "object" && value !== null) {
        return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, deep(inner)]))
      }
      return value
    }
    return Scrubber.of({
      add: (value) => {
        const all = new Set([...known, ...forms(Redacted.value(value)).filter((form) => form.length >= shortest)])
        // The longest first: a value that is part of another must not leave the other's rest standing.
        known = [...all].sort((a, b) => b.length - a.length)
      },
      text,
      // Scrubbing keeps the shape, which the compiler cannot see through Object.entries.
      deep: <A>(value: A): A => (known.length === 0 ? value : (deep(value) as A))
    })
  }

  static readonly layer = Layer.sync(Scrubber, Scrubber.make)
}

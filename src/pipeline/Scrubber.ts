import { Context, Layer, Redacted } from "effect"

/** Values shorter than this are not looked for: they would blot out ordinary words. */
const shortest = 4
/** The same for a value in the middle of a longer base64 text, which is told from other text by its length alone. */
const shortestInside = 8

const mask = "<redacted>"

/**
 * What stands for a value within the base64 of a longer text, `user:password` for one. Bytes go three at a time into
 * four characters, so there are three of them, and the characters at either end belong to the neighbours too.
 */
const inside = (value: string): ReadonlyArray<string> => {
  const bytes = Buffer.from(value)
  const all = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64")
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
  })
  return all.filter((text) => text.length >= shortestInside)
}

/** The forms in which a value turns up in output: itself, its lines, and as base64, a URL part or JSON writes it. */
const forms = (value: string): ReadonlyArray<string> => {
  const base64 = [Buffer.from(value).toString("base64"), ...inside(value)]
  return [
    value,
    ...value.split(/\r?\n/),
    ...base64,
    ...base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_")),
    encodeURIComponent(value.toWellFormed()),
    JSON.stringify(value).slice(1, -1)
  ]
}

/** Where in a text known values stand, as begin and end. Those that overlap are one. */
const places = (text: string, known: ReadonlyArray<string>): ReadonlyArray<readonly [number, number]> => {
  const found: Array<readonly [number, number]> = []
  for (const value of known) {
    for (let at = text.indexOf(value); at !== -1; at = text.indexOf(value, at + 1)) found.push([at, at + value.length])
  }
  const joined: Array<readonly [number, number]> = []
  for (const [begin, end] of found.sort((a, b) => a[0] - b[0])) {
    const last = joined.at(-1)
    if (last !== undefined && begin < last[1]) joined[joined.length - 1] = [last[0], Math.max(last[1], end)]
    else joined.push([begin, end])
  }
  return joined
}

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
    const masked = (input: string): string => {
      let output = ""
      let from = 0
      for (const [begin, end] of places(input, known)) {
        output += `${input.slice(from, begin)}${mask}`
        from = end
      }
      return from === 0 ? input : output + input.slice(from)
    }
    const text = (input: string): string => {
      const output = masked(input)
      // Colours and other invisible characters within a value hide it here, and not from whoever reads it.
      const visible = Bun.stripANSI(output).replaceAll(/(?![\t\r\n])[\p{Cc}\p{Cf}]/gu, "")
      const reread = visible === output ? output : masked(visible)
      return reread === visible ? output : reread
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
        known = [...all]
      },
      text,
      // Scrubbing keeps the shape, which the compiler cannot see through Object.entries.
      deep: <A>(value: A): A => (known.length === 0 ? value : (deep(value) as A))
    })
  }

  static readonly layer = Layer.sync(Scrubber, Scrubber.make)
}

import { describe, expect } from "bun:test"
import { Effect, Stream } from "effect"
import { readLines, linePublisher } from "../../../src/layers/processes/output.ts"
import { it } from "../../support/effect.ts"

const read = Effect.fnUntraced(function* (pieces: Iterable<string>) {
  const lines: Array<string> = []
  const text = yield* readLines(Stream.encodeText(Stream.fromIterable(pieces)), (more) =>
    Effect.sync(() => void lines.push(...more))
  )
  return { lines, text }
})

describe("output that is read line by line", () => {
  it.effect("has its lines whole, wherever it comes apart, whatever ends them", () =>
    Effect.gen(function* () {
      const text = "one\r\ntwo\r\rthree\n\nfour"
      const all = ["one", "two", "", "three", "", "four"]
      for (let at = 0; at <= text.length; at++)
        expect((yield* read([text.slice(0, at), text.slice(at)])).lines).toEqual(all)
      expect((yield* read(text)).lines).toEqual(all)
    })
  )

  it.effect("is kept by its end where there is much of it, from the beginning of a line", () =>
    Effect.gen(function* () {
      const { lines, text } = yield* read(Array.from({ length: 300_000 }, (_, n) => `line ${n}\n`))
      expect(lines.length).toBe(300_000)
      expect(text.length).toBeLessThanOrEqual(1024 * 1024)
      expect(text.length).toBeGreaterThan(1024 * 1024 - 20)
      expect(text).toMatch(/^line \d+\n/)
      expect(text).toEndWith("\nline 299999\n")
    })
  )

  it.effect("is cut where a line does not end, and goes on with the next one", () =>
    Effect.gen(function* () {
      const { lines, text } = yield* read([...Array.from({ length: 200 }, () => "x".repeat(10_000)), "\nnext\n"])
      expect(lines).toEqual([`${"x".repeat(65_536)} … (cut)`, "next"])
      expect(text).toBe(`${lines.join("\n")}\n`)
    })
  )
})

describe("lines that are shown", () => {
  const shown = Effect.fnUntraced(function* (line: string, count: number) {
    const seen: Array<string> = []
    const show = linePublisher((stream: string, text: string) => Effect.sync(() => void seen.push(`${stream} ${text}`)))
    for (let n = 0; n < count; n++) yield* show(n % 2 === 0 ? "out" : "err", [line])
    return seen
  })

  it.effect("are 10,000 of one command, and then a word that there are more", () =>
    Effect.gen(function* () {
      expect((yield* shown("y", 10_000)).at(-1)).toBe("err y")
      const seen = yield* shown("y", 30_000)
      expect(seen.length).toBe(10_001)
      expect(seen.at(-1)).toContain("not shown")
    })
  )

  it.effect("are fewer where they are long", () =>
    Effect.gen(function* () {
      expect((yield* shown("x".repeat(65_536), 5_000)).length).toBe(257)
    })
  )
})

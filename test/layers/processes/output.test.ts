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

describe("reading output by lines", () => {
  it.effect("returns whole lines, however the output is split and whatever ends them", () =>
    Effect.gen(function* () {
      const text = "one\r\ntwo\r\rthree\n\nfour"
      const all = ["one", "two", "", "three", "", "four"]
      for (let at = 0; at <= text.length; at++)
        expect((yield* read([text.slice(0, at), text.slice(at)])).lines).toEqual(all)
      expect((yield* read(text)).lines).toEqual(all)
    })
  )

  it.effect("keeps the end of long output, starting at a line", () =>
    Effect.gen(function* () {
      const { lines, text } = yield* read(Array.from({ length: 300_000 }, (_, n) => `line ${n}\n`))
      expect(lines.length).toBe(300_000)
      expect(text.length).toBeLessThanOrEqual(1024 * 1024)
      expect(text.length).toBeGreaterThan(1024 * 1024 - 20)
      expect(text).toMatch(/^line \d+\n/)
      expect(text).toEndWith("\nline 299999\n")
    })
  )

  it.effect("truncates an endless line, and continues with the next one", () =>
    Effect.gen(function* () {
      const { lines, text } = yield* read([...Array.from({ length: 200 }, () => "x".repeat(10_000)), "\nnext\n"])
      expect(lines).toEqual([`${"x".repeat(65_536)} … (cut)`, "next"])
      expect(text).toBe(`${lines.join("\n")}\n`)
    })
  )
})

describe("showing lines", () => {
  const shown = Effect.fnUntraced(function* (line: string, count: number) {
    const seen: Array<string> = []
    const show = linePublisher((stream: string, text: string) => Effect.sync(() => void seen.push(`${stream} ${text}`)))
    for (let n = 0; n < count; n++) yield* show(n % 2 === 0 ? "out" : "err", [line])
    return seen
  })

  it.effect("shows 10,000 lines of a command, then a note that there are more", () =>
    Effect.gen(function* () {
      expect((yield* shown("y", 10_000)).at(-1)).toBe("err y")
      const seen = yield* shown("y", 30_000)
      expect(seen.length).toBe(10_001)
      expect(seen.at(-1)).toContain("not shown")
    })
  )

  it.effect("shows fewer lines when they are long", () =>
    Effect.gen(function* () {
      expect((yield* shown("x".repeat(65_536), 5_000)).length).toBe(257)
    })
  )
})

import { describe, expect, test } from "bun:test"
import { Redacted } from "effect"
import fc from "fast-check"
import { Scrubber } from "../../src/core/Scrubber.ts"

const scrubberWith = (...values: ReadonlyArray<string>) => {
  const scrubber = Scrubber.make()
  for (const value of values) scrubber.add(Redacted.make(value))
  return scrubber
}

describe("Scrubber", () => {
  test("replaces every occurrence of a secret", () => {
    const { text } = scrubberWith("hunter22")
    expect(text("hunter22, hunter22 and Hunter22")).toBe("<redacted>, <redacted> and Hunter22")
    expect(text("nothing here")).toBe("nothing here")
    expect(text("")).toBe("")
  })

  test("finds a secret with colours or invisible characters inside", () => {
    const { text } = scrubberWith("hunter22")
    for (const hidden of ["\u001b[01;31m", "\u001b[m\u001b[K", "\u200e", "\u0007", "\u2028", "\u2029"]) {
      for (let at = 1; at < 8; at++) {
        expect(text(`pw=${"hunter22".slice(0, at)}${hidden}${"hunter22".slice(at)}.`)).toBe("pw=<redacted>.")
      }
    }
    expect(text("\u001b[31mred\u001b[m")).toBe("\u001b[31mred\u001b[m")
  })

  test("replaces the longer of two secrets with the same beginning, whichever was added first", () => {
    for (const values of [
      ["pass", "password-1"],
      ["password-1", "pass"]
    ]) {
      expect(scrubberWith(...values).text("pass password-1")).toBe("<redacted> <redacted>")
    }
  })

  test("replaces overlapping secrets completely", () => {
    expect(scrubberWith("abcdef", "defghi").text("x abcdefghi y")).toBe("x <redacted> y")
    expect(scrubberWith("abab").text("xababab")).toBe("x<redacted>")
    expect(scrubberWith("abcd", "efgh").text("abcdefgh")).toBe("<redacted><redacted>")
  })

  test("does not look for secrets in its own replacements", () => {
    expect(scrubberWith("redacted", "long-secret").text("long-secret redacted")).toBe("<redacted> <redacted>")
  })

  test("ignores secrets shorter than 4 characters", () => {
    expect(scrubberWith("", "1", "abc").text("1 abc 12")).toBe("1 abc 12")
    expect(scrubberWith("abcd").text("abcd")).toBe("<redacted>")
  })

  test("finds single lines of a multi-line secret", () => {
    const { text } = scrubberWith("-----BEGIN KEY-----\r\nMIIEpAIBAAK\n\nab\n-----END KEY-----\n")
    expect(text("line: MIIEpAIBAAK")).toBe("line: <redacted>")
    expect(text("-----END KEY-----")).toBe("<redacted>")
    expect(text("ab")).toBe("ab")
  })

  test("finds a secret encoded as JSON, URL or base64", () => {
    const value = 'p"w/ü?~\\'
    const { text } = scrubberWith(value)
    expect(text(JSON.stringify({ value }))).toBe('{"value":"<redacted>"}')
    expect(text(`https://me:${encodeURIComponent(value)}@host`)).toBe("https://me:<redacted>@host")
    expect(text(`auth: ${Buffer.from(value).toString("base64")}.`)).toBe("auth: <redacted>.")
    expect(text(`auth: ${Buffer.from("~~~???>>>").toString("base64url")}`)).not.toBe("auth: <redacted>")
    expect(scrubberWith("~~~???>>>").text(Buffer.from("~~~???>>>").toString("base64url"))).toBe("<redacted>")
  })

  test("finds a secret inside a longer base64 text, such as the `user:password` of engines", () => {
    const { text } = scrubberWith("hunter22-and-more")
    for (const user of ["", "a", "ab", "abc", "abcd"]) {
      const shown = text(Buffer.from(`${user}:hunter22-and-more:x`).toString("base64"))
      const left = Buffer.from(shown.replace("<redacted>", "AAAA"), "base64").toString()
      expect(shown).toContain("<redacted>")
      expect(left).not.toMatch(/unter|2-an|more/)
    }
  })

  test("finds a secret in base64 that is wrapped into lines", () => {
    const value = Array.from({ length: 40 }, (_, n) => `line-${n}-of-a-key`).join("\n")
    const { text } = scrubberWith(value)
    for (const whole of [value, `${value}\n`]) {
      const base64 = Buffer.from(whole).toString("base64")
      for (const width of [64, 76]) {
        for (const line of base64.match(new RegExp(`.{1,${width}}`, "g")) ?? []) {
          // Only the padding of the last group may remain.
          if (line.length >= 8) expect(text(line).replace("<redacted>", "").length).toBeLessThanOrEqual(4)
        }
      }
    }
  })

  test("finds a secret encoded as form data, JSON for HTML or a quoted shell word, and without surrounding space", () => {
    const value = " it's <a> & b~(c) "
    const { text } = scrubberWith(value)
    expect(text(`x=${new URLSearchParams({ value }).get("value")}.`)).toBe("x=<redacted>.")
    expect(text(`${new URLSearchParams({ value })}&y=1`)).toBe("value=<redacted>&y=1")
    expect(text('{"value":" it\'s \\u003ca\\u003e \\u0026 b~(c) "}')).toBe('{"value":"<redacted>"}')
    expect(text("echo ' it'\\''s <a> & b~(c) '")).toBe("echo '<redacted>'")
    expect(text("[it's <a> & b~(c)]")).toBe("[<redacted>]")
  })

  test("redacts a line of a megabyte secret whose lines begin alike", () => {
    const line = (n: number) => `-----SAME-BEGINNING-${n}-${"x".repeat(20)}`
    const value = Array.from({ length: 22_000 }, (_, n) => line(n)).join("\n")
    const { text } = scrubberWith(value)
    // Comparing each line with each of the others would take minutes, longer than a test may run.
    expect(text(`a ${line(7)} b `.repeat(20_000))).toBe("a <redacted> b ".repeat(20_000))
  })

  test("scrubs nested data and keeps its shape", () => {
    const { deep } = scrubberWith("hunter22")
    expect(deep({ a: ["x hunter22", 1, null, true], b: { c: "hunter22" }, d: undefined })).toEqual({
      a: ["x <redacted>", 1, null, true],
      b: { c: "<redacted>" },
      d: undefined
    })
  })

  test("accepts a secret with half of a surrogate pair", () => {
    expect(() => scrubberWith("\ud800abcd")).not.toThrow()
  })

  test("never lets a secret through, whatever surrounds it", () => {
    const value = fc.string({ minLength: 4, maxLength: 12, unit: fc.constantFrom("a", "b", "c", '"', "\\", "+", "ü") })
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), fc.array(value), (secrets, others) => {
        const { text } = scrubberWith(...secrets)
        const all = [...secrets, ...others, ...secrets].join("")
        const shown = text(all)
        expect(secrets.filter((secret) => shown.includes(secret))).toEqual([])
        expect(text(shown)).toBe(shown)
        const json = text(JSON.stringify(all))
        expect(secrets.filter((secret) => json.includes(JSON.stringify(secret).slice(1, -1)))).toEqual([])
      }),
      { numRuns: 300 }
    )
  })
})

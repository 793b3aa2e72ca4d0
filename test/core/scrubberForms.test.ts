import { describe, expect, test } from "bun:test"
import { Effect, Redacted, Stream } from "effect"
import { cut } from "../../src/core/text.ts"
import { messageOf } from "../../src/core/errorText.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import { readLines } from "../../src/layers/processes/output.ts"
import { describeReply } from "../../src/rehearsal/WrongAnswer.ts"

const scrubberWith = (...values: ReadonlyArray<string>) => {
  const scrubber = Scrubber.make()
  for (const value of values) scrubber.add(Redacted.make(value))
  return scrubber
}

describe("a secret in a text that was cut", () => {
  const secret = "Sup3rS3cret%TökenABCDEF\\GHIJKLMNOP"
  const { text } = scrubberWith(secret)
  const encoded: ReadonlyArray<readonly [string, string]> = [
    ["plain", secret],
    ["base64", Buffer.from(secret).toString("base64")],
    ["a URL", encodeURIComponent(secret)],
    ["a URL in lower case", encodeURIComponent(secret).replaceAll(/%../g, (code) => code.toLowerCase())],
    ["JSON", JSON.stringify(secret).slice(1, -1)],
    ["ASCII JSON", JSON.stringify(secret).slice(1, -1).replace("ö", "\\u00f6")],
    ["colours", secret.replace("Sup3r", "Sup3r\u001b[31m")]
  ]

  for (const [name, form] of encoded) {
    test(`is removed wherever the cut is (${name})`, () => {
      for (let length = 1; length < form.length; length++) {
        const shown = text(cut(`token=${form}`, "token=".length + length))
        const [, left = ""] = /^token=(.*) … \(cut\)$/.exec(shown) ?? []
        // Three characters of a secret are not recognized. A code may be incomplete, and stays then.
        expect(left.replace("\u001b", "%")).toMatch(/^(?:<redacted>|.{0,3})(?:[%\\].{0,8})?$/)
      }
    })
  }

  test("is removed from a long line of output", async () => {
    const line = `${"x".repeat(64 * 1024 - secret.length + 1)}${secret} tail\n`
    const output = await Effect.runPromise(readLines(Stream.make(new TextEncoder().encode(line)), () => Effect.void))
    expect(text(output)).toEndWith("xxx<redacted> … (cut)\n")
  })

  test("is removed from a long error", () => {
    expect(text(messageOf({ _tag: "Odd", pad: "p".repeat(970), token: "Sup3rS3cret%TökenABCDEF" }))).toEndWith(
      "<redacted> … (cut)"
    )
  })

  test("is removed from the reply of a wrong answer", () => {
    expect(text(describeReply({ pad: "p".repeat(170), token: "Sup3rS3cret%TökenABCDEF" }))).toEndWith(
      "<redacted> … (cut)"
    )
  })

  test("leaves other texts alone", () => {
    expect(text(cut("Super long", 5))).toBe("Super … (cut)")
    expect(text(cut("Sup3rS3cret is not the end", 25))).toBe("Sup3rS3cret is not the en … (cut)")
    expect(text(`${cut("Sup3rS3", 6)} and ${cut("TökenABC", 6)}`)).toBe("<redacted> … (cut) and TökenA … (cut)")
  })
})

describe("an encoded secret", () => {
  const cases: ReadonlyArray<readonly [string, string, string, string]> = [
    ["Python's quote", "p!ss'w(ord)*~", "db://u:p%21ss%27w%28ord%29%2A~@h", "db://u:<redacted>@h"],
    ["Python's quote with slashes", "pa/ss+wo rd", "db:pa/ss%2Bwo%20rd", "db:<redacted>"],
    ["the user of a Go URL", "a$b&c,d;e=f@g", "postgres://u:a$b&c,d;e=f%40g@h", "postgres://u:<redacted>@h"],
    ["lower-case percent codes", "a&b=c@secret", "lower a%26b%3dc%40secret.", "lower <redacted>."],
    ["mixed percent codes in UTF-8", "gehéim€-😀", "x=geh%c3%A9im%e2%82%ac-%f0%9f%98%80;", "x=<redacted>;"],
    ["form data in lower case", "a b/c d", "x=a+b%2fc+d&", "x=<redacted>&"],
    ["percent codes of every character", "abcd", "%61%62%63%64", "<redacted>"],
    ["JSON of PHP", "pa/ss/word", '{"x":"pa\\/ss\\/word"}', '{"x":"<redacted>"}'],
    ["JSON in ASCII", "gehéim-😀", '"geh\\u00e9im-\\uD83D\\uDE00"', '"<redacted>"'],
    ["JSON in ASCII with quotes and lines", 'é"a\\b\nc', '"\\u00e9\\"a\\\\b\\nc"', '"<redacted>"'],
    ["JSON without the last line break", '{"a":"verysecret"}\n', '"{\\"a\\":\\"verysecret\\"}"', '"<redacted>"'],
    ["base64 without the last line break", "hunter22\n", btoa("hunter22"), "<redacted>"],
    ["a double-quoted shell word", "it's\"double", 'echo "it\'s\\"double"', 'echo "<redacted>"'],
    ["a line that ends with a carriage return", "first\rsecond", "second", "<redacted>"],
    ["a line without its indentation", "a:\n    token: hunter22", "token: hunter22", "<redacted>"],
    ["colours inside and codes", "a&b=c@secret", "a%26b\u001b[31m%3dc%40secret", "<redacted>"],
    ["a grapheme joiner", "hunter2secret", "hunter2\u034fsecret", "<redacted>"],
    ["a variation selector", "hunter2secret", "hunter2\ufe0fsecret", "<redacted>"],
    ["a secret that has one", "hunter2❤️secret", "hunter2❤️\u001b[1msecret", "<redacted>"]
  ]
  for (const [name, secret, output, expected] of cases) {
    test(`is found: ${name}`, () => {
      expect(scrubberWith(secret).text(output)).toBe(expected)
    })
  }

  test("does not change the codes around it", () => {
    expect(scrubberWith("a/b@c").text("\\u00e9 %41 a%2Fb%40c %41 \\n 100% \\ %zz \\x")).toBe(
      "\\u00e9 %41 <redacted> %41 \\n 100% \\ %zz \\x"
    )
  })

  test("does not take decoded characters for the secret's own", () => {
    expect(scrubberWith("abcd%41").text("abcd%41 abcd%2541 abcdA")).toBe("<redacted> <redacted> abcdA")
    expect(scrubberWith("pass").text("%2541pass %ff%fepass")).toBe("%2541<redacted> %ff%fe<redacted>")
  })
})

import { expect, test } from "bun:test"
import { Duration, Exit, Schema } from "effect"
import { duration, durationFlag } from "../../src/config/duration.ts"

const decode = Schema.decodeUnknownExit(durationFlag)
const pattern = JSON.stringify(Schema.toJsonSchemaDocument(duration(1, { description: "" })).schema)

const valid: ReadonlyArray<readonly [text: string, millis: number]> = [
  ["500ms", 500],
  ["30s", 30_000],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  ["1 s", 1000],
  ["5 min", 300_000],
  ["10 minutes", 600_000],
  ["1 hour 30 minutes", 5_400_000],
  ["250 millis", 250],
  ["1 day", 86_400_000]
]
const invalid = ["", "10", "soon", "-1s", "1w", "1S", " 1s", "1  s", "s", "1 s 2", "1ss"]

for (const [text, millis] of valid) {
  test(`accepts the duration ${text}`, () => {
    expect(Exit.map(decode(text), Duration.toMillis)).toEqual(Exit.succeed(millis))
  })
}

for (const text of invalid) {
  test(`rejects the duration ${JSON.stringify(text)}`, () => expect(Exit.isFailure(decode(text))).toBe(true))
}

test("the pattern for editors accepts the same durations", () => {
  const [, source = ""] = /"pattern":"((?:[^"\\]|\\.)*)"/u.exec(pattern) ?? []
  const editor = new RegExp(String(JSON.parse(`"${source}"`)), "u")
  expect(valid.filter(([text]) => !editor.test(text))).toEqual([])
  expect(invalid.filter((text) => editor.test(text))).toEqual([])
})

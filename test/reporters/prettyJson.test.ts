import { expect, test } from "bun:test"
import { prettyJson } from "../../src/reporters/json.ts"

test("indented JSON has no characters that control a terminal, and keeps the value", () => {
  const value = { "a\u009b31m": ["\u202eabc", "\u0085\u2066\u007f", "##[error]x"], b: { c: "ü" } }
  const text = prettyJson(value)
  expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u)
  expect(text).toContain('\n    "c": "ü"')
  expect(text).not.toContain("##[")
  expect(JSON.parse(text)).toEqual(value)
})

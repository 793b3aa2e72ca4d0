import { expect, test } from "bun:test"
import { matchEnds } from "../../src/config/wildcard.ts"
import { matchesPattern } from "../../src/testing/pattern.ts"

/** The same with a regular expression, which can be slow. */
const byRegExp = (pattern: string, text: string): boolean => {
  const source = pattern.replaceAll(/\*+/g, (stars) => (stars === "*" ? "[^/]*" : ".*"))
  return new RegExp(`^${source}$`, "s").test(text)
}

const isWhole = (pattern: string, text: string) => matchEnds(pattern, text, "/").at(-1) === text.length

/** All texts of the given length over an alphabet. */
const texts = (alphabet: string, length: number): ReadonlyArray<string> =>
  length === 0 ? [""] : texts(alphabet, length - 1).flatMap((text) => [...alphabet].map((one) => text + one))

test("matchEnds matches the same texts as the equivalent regular expression", () => {
  const some = [0, 1, 2, 3, 4].flatMap((length) => texts("ab/", length))
  const patterns = [0, 1, 2, 3, 4].flatMap((length) => texts("a/*", length))
  const wrong = patterns.flatMap((pattern) =>
    some.filter((text) => isWhole(pattern, text) !== byRegExp(pattern, text)).map((text) => [pattern, text])
  )
  expect(wrong).toEqual([])
})

test("matchEnds stays fast for patterns with many stars", () => {
  // A backtracking matcher would not finish in a lifetime.
  const text = "a".repeat(20_000)
  expect(isWhole(`${"**a".repeat(40)}**b`, text)).toBe(false)
  expect(isWhole(`${"*a".repeat(40)}*b`, text)).toBe(false)
  expect(matchesPattern(`docker ${"*a".repeat(40)}*b`, `docker ${text}`)).toBe(false)
  expect(matchesPattern(`docker ${"*a".repeat(40)}*b`, `docker ${text}b c`)).toBe(true)
})

test("matchesPattern matches the first words of a command", () => {
  expect(matchesPattern("docker build", "docker build .")).toBe(true)
  expect(matchesPattern("docker build", "docker buildx")).toBe(false)
  expect(matchesPattern("docker * web", "docker a/b rm web now\nand then")).toBe(true)
  expect(matchesPattern("docker [", "docker [")).toBe(true)
})

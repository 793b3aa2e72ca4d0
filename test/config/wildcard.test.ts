import { expect, test } from "bun:test"
import { matchEnds } from "../../src/config/wildcard.ts"
import { matchesPattern } from "../../src/testing/pattern.ts"

/** What a regular expression, which may take for ever, would say. */
const byRegExp = (pattern: string, text: string): boolean => {
  const source = pattern.replaceAll(/\*+/g, (stars) => (stars === "*" ? "[^/]*" : ".*"))
  return new RegExp(`^${source}$`, "s").test(text)
}

const isWhole = (pattern: string, text: string) => matchEnds(pattern, text, "/").at(-1) === text.length

/** All texts of so many characters of an alphabet. */
const texts = (alphabet: string, length: number): ReadonlyArray<string> =>
  length === 0 ? [""] : texts(alphabet, length - 1).flatMap((text) => [...alphabet].map((one) => text + one))

test("a pattern with stars is of the same texts as the regular expression that says the same", () => {
  const some = [0, 1, 2, 3, 4].flatMap((length) => texts("ab/", length))
  const patterns = [0, 1, 2, 3, 4].flatMap((length) => texts("a/*", length))
  const wrong = patterns.flatMap((pattern) =>
    some.filter((text) => isWhole(pattern, text) !== byRegExp(pattern, text)).map((text) => [pattern, text])
  )
  expect(wrong).toEqual([])
})

test("a pattern of many stars takes no longer for it", () => {
  // Nobody would see the end of these by trying all ways in which they may fit.
  const text = "a".repeat(20_000)
  expect(isWhole(`${"**a".repeat(40)}**b`, text)).toBe(false)
  expect(isWhole(`${"*a".repeat(40)}*b`, text)).toBe(false)
  expect(matchesPattern(`docker ${"*a".repeat(40)}*b`, `docker ${text}`)).toBe(false)
  expect(matchesPattern(`docker ${"*a".repeat(40)}*b`, `docker ${text}b c`)).toBe(true)
})

test("a command is known by the words that it begins with", () => {
  expect(matchesPattern("docker build", "docker build .")).toBe(true)
  expect(matchesPattern("docker build", "docker buildx")).toBe(false)
  expect(matchesPattern("docker * web", "docker a/b rm web now\nand then")).toBe(true)
  expect(matchesPattern("docker [", "docker [")).toBe(true)
})

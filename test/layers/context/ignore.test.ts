import { describe, expect, test } from "bun:test"
import { parseIgnoreFile } from "../../../src/layers/context/ignore.ts"

const table: ReadonlyArray<readonly [rules: string, excluded: ReadonlyArray<string>, kept: ReadonlyArray<string>]> = [
  ["", [], ["a", "a/b"]],
  ["node_modules", ["node_modules", "node_modules/a/b"], ["node_modules2", "web/node_modules"]],
  ["/dist/", ["dist", "dist/a"], ["web/dist"]],
  ["**/node_modules", ["node_modules/a", "web/node_modules/a", "a/b/node_modules"], ["node_modules.txt"]],
  ["*.log", ["a.log"], ["a/b.log", "a.logs", "log"]],
  ["**/*.log", ["a.log", "a/b.log"], ["a/b.txt"]],
  ["a/**", ["a/b", "a/b/c"], ["a", "b"]],
  ["a/**/z", ["a/z", "a/b/z", "a/b/c/z/y"], ["a/b", "z"]],
  ["?.txt", ["a.txt"], ["ab.txt", ".txt"]],
  ["[a-c].txt", ["a.txt", "c.txt"], ["d.txt", "-.txt"]],
  ["[^a].txt", ["b.txt"], ["a.txt"]],
  ["*\n!keep", ["a", "b/c"], ["keep", "keep/a"]],
  ["!keep\n*", ["keep", "a"], []],
  ["*.md\n!README*.md\nREADME-secret.md", ["a.md", "README-secret.md"], ["README.md", "README-1.md"]],
  ["# comment\n  spaces  \n\n./a/../b", ["spaces", "b"], ["a", "comment", "# comment"]],
  ["\uFEFFfirst\r\nsecond\r\n", ["first", "second"], ["third"]],
  ["a.b+c(d)", ["a.b+c(d)"], ["aXb+c(d)", "a.bbc(d)"]],
  ["a\\*b", ["a*b"], ["axb"]],
  ["**", ["a", "a/b"], []],
  ["my-app_1@2~3&4=5,6;7%8#9'!", ["my-app_1@2~3&4=5,6;7%8#9'!"], ["my-app"]],
  ["[&~|x].txt", ["&.txt", "~.txt", "|.txt"], ["y.txt"]],
  [".env*", [".env", ".env.staging"], ["web/.env", "env"]]
]

describe("an ignore file", () => {
  for (const [text, excluded, kept] of table) {
    test(`${JSON.stringify(text)} excludes what docker excludes`, () => {
      const { excludes } = parseIgnoreFile(text)
      expect(excluded.filter((path) => !excludes(path))).toEqual([])
      expect(kept.filter(excludes)).toEqual([])
    })
  }

  test("skips a pattern that is invalid, which the engine reports", () => {
    expect(parseIgnoreFile("[a\nb").excludes("b")).toBe(true)
    expect(parseIgnoreFile("[a").excludes("[a")).toBe(false)
  })

  test("says whether something in an excluded folder may be included again", () => {
    expect(parseIgnoreFile("a\n!a/b").hasExceptions).toBe(true)
    expect(parseIgnoreFile("a\nb").hasExceptions).toBe(false)
  })
})

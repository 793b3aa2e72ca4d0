import { describe, expect, test } from "bun:test"
import { compileFirst, project } from "./project.ts"

compileFirst()

describe("help about an unknown command", () => {
  for (const [words, name, parent] of [
    [["help", "nope"], "nope", "jiji"],
    [["nope", "--help"], "nope", "jiji"],
    [["nope", "-h"], "nope", "jiji"],
    [["nope", "--config", "x", "--help"], "nope", "jiji"],
    [["help", "registry", "nope"], "nope", "jiji registry"],
    [["registry", "nope", "--help"], "nope", "jiji registry"],
    [["runs", "nope", "--help"], "nope", "jiji runs"]
  ] as const)
    test(`names it: ${words.join(" ")}`, () => {
      using empty = project({})
      const { code, stderr, stdout } = empty.jiji([...words])
      expect([code, stdout]).toEqual([2, ""])
      expect(stderr).toBe(`error: Unknown subcommand "${name}" for "${parent}"\n  → See: ${parent} --help\n`)
    })

  test("suggests the nearest one", () => {
    using empty = project({})
    const { code, stderr } = empty.jiji(["help", "deplo"])
    expect(code).toBe(2)
    expect(stderr).toMatch(/Did you mean this\?\s+deploy\n/)
  })

  test.each([
    [["help", "deploy"]],
    [["deploy", "nope", "--help"]],
    [["help"]],
    [["registry", "--help"]],
    [["run", "--help"]]
  ])("prints the help of a known one: %s", (words) => {
    using empty = project({})
    const { code, stdout } = empty.jiji(words)
    expect(code).toBe(0)
    expect(stdout).toContain("USAGE\n")
  })
})

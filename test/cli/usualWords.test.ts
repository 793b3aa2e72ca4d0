import { describe, expect, test } from "bun:test"
import { symlinkSync, unlinkSync } from "node:fs"
import { join } from "node:path"
import manifest from "../../package.json" with { type: "json" }
import { compileFirst, project } from "./project.ts"

compileFirst()

describe("jiji understands", () => {
  test.each(["version", "-v", "-V", "--version"])("%s", (word) => {
    using shop = project({})
    expect(shop.jiji([word])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: "" })
  })

  test.each([
    [["help"], ["--help"]],
    [
      ["help", "deploy"],
      ["deploy", "--help"]
    ],
    [
      ["help", "registry", "serve"],
      ["registry", "serve", "--help"]
    ],
    [["help", "--help"], ["--help"]]
  ])("%j", (words, flags) => {
    using shop = project({})
    const expected = shop.jiji(flags)
    expect(expected.code).toBe(0)
    expect(expected.stdout).toContain("USAGE")
    expect(shop.jiji(words)).toEqual(expected)
  })

  test("help for an unknown command as an error", () => {
    using shop = project({})
    expect(shop.jiji(["help", "deplyo"])).toEqual(shop.jiji(["deplyo", "--help"]))
  })
})

describe("deploy.yml", () => {
  const stderrOf = (shop: ReturnType<typeof project>) => shop.jiji(["deploy", "--dry-run"])

  test("in a loop of symbolic links is reported as one", () => {
    using shop = project({ ".jiji/other": "" })
    symlinkSync("deploy.yml", join(shop.root, ".jiji/deploy.yml"))
    expect(stderrOf(shop)).toEqual({
      code: 78,
      stdout: "",
      stderr: `error: .jiji/deploy.yml cannot be read: it is a symbolic link that leads back to itself.\n  → \`ls -l ${shop.root}/.jiji/deploy.yml\` shows where the link leads. Replace the link with the real file or folder.\n`
    })
    unlinkSync(join(shop.root, ".jiji/deploy.yml"))
    symlinkSync("nowhere", join(shop.root, ".jiji/deploy.yml"))
    expect(stderrOf(shop)).toMatchObject({
      code: 78,
      stderr: expect.stringContaining(".jiji/deploy.yml is a symbolic link to a file that does not exist.\n  → ")
    })
  })

  test("with thousands of lists in each other is refused in one sentence", () => {
    for (const text of [
      "[".repeat(20_000),
      "- ".repeat(20_000),
      "{a: ".repeat(20_000),
      "a:\n".repeat(3) + "? ".repeat(9000)
    ]) {
      using shop = project({ ".jiji/deploy.yml": `project: shop\nservices: \n ${text}` })
      const { code, stderr } = stderrOf(shop)
      expect(code).toBe(78)
      expect(stderr).toMatch(
        /^error: The configuration has an error:\n.*:\d+ has more than 100 lists and maps within each other\n.*\n$/
      )
    }
  })

  test("may have many brackets beside each other and in texts", () => {
    const many = Array.from({ length: 300 }, (_, index) => `K${index}: "[[[{{{"`).join(", ")
    using shop = project({
      ".jiji/deploy.yml": `project: shop\nservers: { a: { host: a } }\nservices: { web: { image: nginx, hosts: [a], environment: { clear: { ${many} } } } }\n`
    })
    expect(stderrOf(shop).code).toBe(0)
  })
})

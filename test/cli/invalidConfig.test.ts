import { describe, expect, test } from "bun:test"

import { compileFirst, project } from "./project.ts"
import { files } from "./shop.ts"

compileFirst()

describe("an invalid configuration", () => {
  test("fails if it does not exist", () => {
    using shop = project({})
    const { code, stderr, stdout } = shop.jiji(["deploy"])
    expect([code, stdout]).toEqual([78, ""])
    expect(stderr).toMatch(/^error: .*\.jiji\/deploy\.yml.*\n {2}→ .*\n$/)
  })

  test("reports all problems with their lines", () => {
    using shop = project({ ".jiji/deploy.yml": "project: Shop!\nservers: {}\nnope: 1\nservices: {}\n" })
    const { code, stderr, stdout } = shop.jiji(["deploy", "--dry-run"])
    expect([code, stdout]).toEqual([78, ""])
    expect(stderr).toStartWith("error: The configuration has 4 errors:\n.jiji/deploy.yml:1 project: must be ")
    expect(stderr).toContain("\n.jiji/deploy.yml:3 nope: ")
    expect(stderr).toEndWith("\n  → Fix these lines.\n")
  })

  test("does not start a line with the content of a multi-line value", () => {
    using shop = project({ ".jiji/deploy.yml": 'project: "a\\n::stop\\r::stop"\n' })
    expect(shop.jiji(["deploy"]).stderr).not.toMatch(/^::/m)
  })

  test("fails if the environment does not exist", () => {
    using shop = project(files)
    expect(shop.jiji(["deploy", "-e", "staging"])).toMatchObject({ code: 78, stdout: "" })
    const sandbox = shop.jiji(["deploy", "-e", "sandbox"])
    expect(sandbox.code).toBe(78)
    expect(sandbox.stderr).toEndWith("  → Run `jiji sandbox` in another terminal, and keep it open.\n")
  })

  for (const name of ["", "../x", ".x"]) {
    test(`rejects ${JSON.stringify(name)} as the name of an environment`, () => {
      using shop = project(files)
      const { code, stderr } = shop.jiji(["deploy", `--environment=${name}`, "--dry-run"])
      expect(code).toBe(2)
      expect(stderr).toContain("a name made of letters")
    })
  }

  test("fails on missing secrets before any other step", () => {
    using shop = project({ ...files, ".env": "" })
    const { code, stderr } = shop.jiji(["deploy"])
    expect(code).toBe(78)
    expect(stderr).toBe(
      "error: The secret DATABASE_URL is missing; jiji looked in .env and the process environment.\n" +
        "  → Add DATABASE_URL=… to .env, or set it in the environment.\n"
    )
  })
})

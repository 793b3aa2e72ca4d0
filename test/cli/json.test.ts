import { describe, expect, test } from "bun:test"
import { faults } from "../docs/eventLines.ts"
import { compileFirst, project } from "./project.ts"

compileFirst()

const files = (registry: string) => ({
  ".jiji/deploy.yml": `project: shop
builder: { registry: { ${registry} } }
servers: { web1: { host: 203.0.113.10 } }
services: { web: { image: "nginx:1.27", hosts: [web1], environment: { secrets: [DATABASE_URL] } } }
`
})
const remote = files("server: ghcr.io, username: me, password: GITHUB_TOKEN")

const tags = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line)._tag)

describe("--json", () => {
  test("prints one event per line on stdout, and errors on stderr", () => {
    using shop = project(files("type: local"))
    const { code, stderr, stdout } = shop.jiji(["deploy", "--json"])
    expect(faults(stdout)).toEqual([])
    expect(tags(stdout)).toEqual(["RunStarted", "StepStarted", "StepFailed", "RunFailed"])
    expect([code, stderr]).toEqual([78, expect.stringMatching(/^error: .*DATABASE_URL.*\n/)])
    expect(stderr).toEqual(shop.jiji(["deploy"]).stderr)
  })

  test("prints events for registry commands too", () => {
    using shop = project(remote)
    for (const args of [
      ["registry", "login"],
      ["registry", "logout", "--skip-remote"]
    ]) {
      const { stdout } = shop.jiji([...args, "--json"])
      expect([tags(stdout)[0], tags(stdout).at(-1)]).toEqual([
        "RunStarted",
        expect.stringMatching(/^Run(Failed|Succeeded)$/)
      ])
    }
  })

  test("leaves stdout empty if nothing runs", () => {
    using shop = project(files("type: local"))
    expect(shop.jiji(["registry", "login", "--json"])).toEqual({
      code: 0,
      stdout: "",
      stderr: "The registry of shop is local and has no logins.\n"
    })
    expect(shop.jiji(["registry", "remove", "--yes", "--json"])).toEqual({
      code: 0,
      stdout: "",
      stderr: "The local registry has no images.\n"
    })
  })

  test("prints the events of a dry run, with its commands", () => {
    using shop = project({
      ...remote,
      ".env": "DATABASE_URL=postgres://x\nGITHUB_TOKEN=hunter22\n",
      ".gitignore": ".env*\n"
    })
    for (const args of [["deploy"], ["registry", "login"], ["registry", "logout"], ["doctor"]]) {
      const { code, stderr, stdout } = shop.jiji([...args, "--json", "--dry-run"])
      expect([code, stderr, faults(stdout)]).toEqual([0, "", []])
      expect(JSON.parse(stdout.split("\n")[0] ?? "")).toMatchObject({ _tag: "RunStarted", dryRun: true })
      expect(tags(stdout)).toContain("CommandPlanned")
      expect(tags(stdout).at(-1)).toBe("RunSucceeded")
    }
  })
})

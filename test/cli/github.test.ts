import { expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { faults } from "../docs/eventLines.ts"
import { compileFirst, project } from "./project.ts"

compileFirst()

const github = { GITHUB_ACTIONS: "true" }

const files = {
  ".jiji/deploy.yml": `project: shop
servers: { web1: { host: 203.0.113.10 } }
services: { web: { image: "nginx:1.27", hosts: [web1], environment: { secrets: [DATABASE_URL] } } }
`
}

test("writes annotations and a summary in a GitHub workflow, and with --json only events on stdout", () => {
  using shop = project(files)
  const file = join(shop.root, "summary.md")
  const env = { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: file }
  const lines = shop.jiji(["deploy"], env)
  expect(lines.code).toBe(78)
  expect(lines.stdout).toMatch(/^::error title=secrets failed::.*DATABASE_URL.*%0A→ .*$/m)
  const once = readFileSync(file, "utf8")
  expect(once).toMatch(
    /^### ❌ <code>deploy<\/code> of <code>shop<\/code> failed after .*\n(?:\n?\|.*)+\n\n❌ <code>secrets<\/code>\n\n<pre>.*DATABASE/
  )
  const json = shop.jiji(["deploy", "--json"], env)
  expect([json.code, faults(json.stdout)]).toEqual([78, []])
  expect(json.stderr).toMatch(/^::error title=secrets failed::.*DATABASE_URL/m)
  expect(readFileSync(file, "utf8").match(/^### ❌/gm)).toHaveLength(2)
})

test("writes neither elsewhere, and only warns if the summary cannot be written", () => {
  using shop = project(files)
  const file = join(shop.root, "summary.md")
  expect(shop.jiji(["deploy"], { GITHUB_STEP_SUMMARY: file }).stdout).not.toContain("::")
  expect(existsSync(file)).toBe(false)
  const { code, stderr } = shop.jiji(["deploy"], { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: shop.root })
  expect([code, stderr]).toEqual([
    78,
    expect.stringMatching(
      /^::warning::.*\nwarning: Cannot write the job summary to \/.* \(EISDIR\)\.\n {2}→ Set GITHUB_.*\nerror: /
    )
  ])
})

test("annotates errors before a run on their lines, and adds them to the summary", () => {
  using shop = project({ ...files, "ops/bad.yml": "project: shop\nservers: 7\nservices: {}\nhook: {}\n" })
  const env = { ...github, GITHUB_STEP_SUMMARY: join(shop.root, "summary.md") }
  const bad = shop.jiji(["deploy", "-c", "ops/bad.yml"], { ...env, GITHUB_WORKSPACE: join(shop.root, "ops") })
  expect(bad.code).toBe(78)
  expect(bad.stderr).toMatch(
    /^::error file=bad\.yml,line=2::servers: .*\n::error file=bad\.yml,line=3::services: .*\n::error file=bad\.yml,line=4::hook: .*\n/
  )
  expect(bad.stderr.match(/^error: /gm)).toHaveLength(1)
  expect(readFileSync(env.GITHUB_STEP_SUMMARY, "utf8")).toMatch(/^### ❌ jiji exited with code 78\n\n<pre>servers/)
  const unknown = shop.jiji(["deploy", "--nope"], github)
  expect([unknown.code, unknown.stderr]).toEqual([
    2,
    expect.stringMatching(/^::error::.*--nope.*%0A→ See: jiji deploy --help$/m)
  ])
  expect(shop.jiji(["deploy", "--help"], github).stderr).toBe("")
  expect(shop.jiji(["deploy", "--nope"]).stderr).not.toContain("::")
})

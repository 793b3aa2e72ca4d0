import { expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { faults } from "../docs/eventLines.ts"
import { bundle, project } from "./project.ts"

bundle()

const files = {
  ".jiji/deploy.yml": `project: shop
servers: { web1: { host: 203.0.113.10 } }
services: { web: { image: "nginx:1.27", hosts: [web1], environment: { secrets: [DATABASE_URL] } } }
`
}

test("a workflow on GitHub gets annotations and a summary, and events as JSON stay nothing but that", () => {
  using shop = project(files)
  const file = join(shop.root, "summary.md")
  const env = { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: file }
  const lines = shop.jiji(["deploy"], env)
  expect(lines.code).toBe(78)
  expect(lines.stdout).toMatch(/^::error title=secrets failed::.*DATABASE_URL.*%0A→ .*$/m)
  const once = readFileSync(file, "utf8")
  expect(once).toMatch(/^### ❌ <code>deploy<\/code> failed after .*\n\n❌ <code>secrets<\/code>\n\n<pre>.*DATABASE/)
  const json = shop.jiji(["deploy", "--json"], env)
  expect([json.code, faults(json.stdout)]).toEqual([78, []])
  expect(readFileSync(file, "utf8").match(/^### ❌/gm)).toHaveLength(2)
})

test("nothing of it is said elsewhere, and a summary that cannot be written is no reason to fail in another way", () => {
  using shop = project(files)
  const file = join(shop.root, "summary.md")
  expect(shop.jiji(["deploy"], { GITHUB_STEP_SUMMARY: file }).stdout).not.toContain("::")
  expect(existsSync(file)).toBe(false)
  const { code, stderr } = shop.jiji(["deploy"], { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: shop.root })
  expect([code, stderr]).toEqual([
    78,
    expect.stringMatching(/^warning: no job summary is written: .*EISDIR.*\nerror: /)
  ])
})

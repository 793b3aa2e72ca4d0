import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { faults } from "../docs/eventLines.ts"
import { compileFirst, project } from "./project.ts"

compileFirst()

/** Words that jiji's own output uses, each a line of a secret. */
const words = [
  "line",
  "text",
  "step",
  "StepFailed",
  "deploy",
  "error",
  "connect",
  "message",
  "local",
  "failed",
  "hooks"
]
const secret = { DATABASE_URL: words.join("\n") }

// Nothing listens on port 1, so a deploy fails soon.
const files = {
  ".jiji/deploy.yml": `project: shop
ssh: { connect_timeout: 5s }
servers: { web1: { host: 127.0.0.1, port: 1, user: me, keys: [] } }
services: { web: { image: "nginx:1.27", hosts: [web1], environment: { secrets: [DATABASE_URL, TOKEN] } } }
hooks:
  log: { on: [run.failed], command: [sh, -c, 'env | grep ^JIJI_ > hook.log; cat > hook.json'] }
`
}
const env = { ...secret, TOKEN: "web1" }

test("a secret with jiji's own words does not change the events, the exit code, hooks, summaries or the dry run", () => {
  using shop = project(files)
  const summary = join(shop.root, "summary.md")
  const plain = shop.jiji(["deploy", "--json"], { DATABASE_URL: "other", TOKEN: "another" })
  const { code, stderr, stdout } = shop.jiji(["deploy", "--json"], {
    ...env,
    GITHUB_STEP_SUMMARY: summary,
    GITHUB_ACTIONS: "true"
  })
  const structure = (output: string) =>
    output
      .trimEnd()
      .split("\n")
      .map((line) => {
        const { _tag, failures = [], kind, path, ...rest } = JSON.parse(line)
        return [
          _tag,
          kind,
          path.replaceAll(/\[.*?\]/g, "[]"),
          failures.map(({ tag }: { tag: string }) => tag),
          Object.keys(rest)
        ]
      })
  expect(faults(stdout)).toEqual([])
  expect(structure(stdout)).toEqual(structure(plain.stdout))
  expect(code).toBe(plain.code)
  expect(stdout).toContain("servers[<redacted>]/connect")
  expect(stderr).toMatch(/^error: /m)
  expect(stderr).not.toContain("web1")
  expect(readFileSync(summary, "utf8")).toMatch(/^### ❌ <code>deploy<\/code> of <code>shop<\/code> failed after/)
  const hookLog = readFileSync(join(shop.root, "hook.log"), "utf8")
  expect(hookLog).toContain("JIJI_EVENT=run.failed\n")
  expect(hookLog).toContain("JIJI_PATH=deploy\n")
  expect(JSON.parse(readFileSync(join(shop.root, "hook.json"), "utf8"))).toMatchObject({ _tag: "RunFailed" })

  const runs = shop.jiji(["runs", "show", "--json"], env).stdout
  expect(runs).toContain('"_tag":"StepFailed"')
  expect(runs).toContain('"path":"deploy/connections/servers[<redacted>]/connect"')

  const dry = shop.jiji(["deploy", "--dry-run"], env)
  expect(dry.code).toBe(0)
  expect(dry.stdout).toMatch(/^on <redacted> \(me@127\.0\.0\.1:1\):$/m)
  expect(dry.stdout).toMatch(/^hooks \(not run in a dry run\):$/m)
}, 60_000)

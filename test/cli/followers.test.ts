import { afterAll, beforeAll, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { isAlive, pidsIn } from "../support/processes.ts"
import { program } from "../support/program.ts"
import { compileFirst, project } from "./project.ts"

compileFirst()

// Nothing listens on port 1, so a deploy fails soon.
const deployFile = `project: shop
servers:
  web1: { host: 127.0.0.1, port: 1, user: deploy, keys: [] }
services:
  web: { image: "nginx:1.27", hosts: [web1] }
hooks:
  log:
    on: [run.started, run.failed, run.interrupted]
    command: [sh, -c, 'cat >> events; printf "%s %s %s\\n" "$JIJI_EVENT" "$JIJI_OUTCOME" "$TOKEN" >> hooks.log']
    environment: { secrets: [TOKEN] }
  servers:
    on: [step.failed]
    only: deploy/connections/servers[*]
    command: [./servers.sh]
`
const files = {
  ".jiji/deploy.yml": deployFile,
  "servers.sh": '#!/bin/sh\necho "$JIJI_PATH" >> hooks.log\n',
  ".env": "TOKEN=hunter22hunter\n"
}

/** The names of the spans that the collector received. */
const names: Array<string> = []
let collector: ReturnType<typeof Bun.serve> | undefined
beforeAll(() => {
  collector = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const body = await request.text()
      if (request.url.endsWith("/v1/traces")) {
        expect(body).not.toContain("hunter22")
        const { resourceSpans } = JSON.parse(body)
        names.push(...resourceSpans[0].scopeSpans[0].spans.map(({ name }: { readonly name: string }) => name))
      }
      return new Response("{}")
    }
  })
})
afterAll(() => collector?.stop(true))

const run = async (
  shop: ReturnType<typeof project>,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>
) => {
  const child = Bun.spawn([program, ...args], {
    cwd: shop.root,
    env: { ...shop.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, stdout, stderr }
}

test("a failed deploy runs its hooks, and exports its spans", async () => {
  using shop = project(files)
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector?.port}` }
  const { code, stderr } = await run(shop, ["deploy", "--json"], env)
  expect(code).toBe(69)
  expect(stderr).not.toContain("hunter22")
  expect(readFileSync(join(shop.root, "hooks.log"), "utf8").split("\n")).toEqual([
    "run.started  hunter22hunter",
    "run.failed failed hunter22hunter",
    ""
  ])
  // The file exists, but is not executable.
  expect(stderr).toMatch(
    /warning: The hook servers failed on step\.failed: exit code 126: \.\/servers\.sh is not executable \(chmod \+x\)\.\n {2}→ /
  )
  const events = readFileSync(join(shop.root, "events"), "utf8").trim().split("\n")
  expect(events.map((line) => JSON.parse(line)._tag)).toEqual(["RunStarted", "RunFailed"])
  expect(names).toContain("deploy")
  expect(names).toContain("deploy/connections/servers[web1]/connect")
}, 60_000)

test("a dry run lists hooks without running them, and exports nothing", async () => {
  using shop = project(files)
  names.length = 0
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector?.port}` }
  const { code, stdout } = await run(shop, ["deploy", "--dry-run"], env)
  expect(code).toBe(0)
  expect(stdout).toContain("\nhooks (not run in a dry run):\n  log      sh -c ")
  expect(stdout).toContain("(in the environment: TOKEN=<redacted>)  on run.started, run.failed, run.interrupted\n")
  expect(stdout).toContain("  servers  ./servers.sh  on step.failed for deploy/connections/servers[*]\n")
  expect(stdout).not.toContain("hunter22")
  expect(names).toEqual([])
}, 60_000)

test("a hook's missing secret fails a deploy before any step, and `secrets print` names the hook", async () => {
  using shop = project({ ".jiji/deploy.yml": deployFile })
  const { code, stderr, stdout } = await run(shop, ["deploy"], {})
  expect([code, stdout]).toEqual([78, ""])
  expect(stderr).toContain("TOKEN")
  const printed = await run(shop, ["secrets", "print"], {})
  expect(printed.stdout).toContain("the hook log")
}, 60_000)

test("Ctrl-C stops a required hook and the deploy that waits for it, and other hooks run on run.interrupted", async () => {
  using shop = project({
    ".jiji/deploy.yml": `${deployFile}  ask:
    on: [run.started]
    command: [sh, -c, 'echo $$ > asked; exec sleep 600']
    required: true
`,
    ".env": files[".env"]
  })
  const child = Bun.spawn([program, "deploy"], {
    cwd: shop.root,
    env: shop.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  const asked = join(shop.root, "asked")
  const [hook = 0] = await pidsIn(asked)
  child.kill("SIGINT")
  expect(await child.exited).toBe(130)
  const stdout = await new Response(child.stdout).text()
  expect(stdout).not.toContain("connect")
  expect(readFileSync(join(shop.root, "hooks.log"), "utf8")).toContain("run.interrupted interrupted hunter22hunter\n")
  expect(isAlive(hook)).toBe(false)
}, 60_000)

import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { pipelines } from "../cli/pipelines/program.ts"
import { compileFirst } from "../cli/project.ts"
import { program } from "../support/program.ts"

compileFirst()

const root = join(import.meta.dir, "../..")
const samples = (page: string) =>
  [...readFileSync(join(root, page), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code)

const run = (code: string, ...args: ReadonlyArray<string>) => {
  using shop = pipelines({ ".jiji/pipelines/sample.ts": code })
  const { code: exitCode, stderr, stdout } = shop.jiji(["run", "sample", ...args])
  return { exitCode, stderr, stdout }
}

test("the README's pipeline runs with `jiji run`", () => {
  const [sample = ""] = samples("README.md")
  const { exitCode, stderr, stdout } = run(sample, "--dry-run")
  expect([exitCode, stderr]).toEqual([0, ""])
  expect(stdout).toContain("docker ps --all --filter 'label=jiji.project=shop'")
})

test("the first pipelines of docs/pipelines.md run with `jiji run`", async () => {
  const runnable = samples("docs/pipelines.md").filter((code) => code.includes("export default Runnable.make"))
  const [smoke = "", release = "", update = ""] = runnable
  for (const sample of [release, update]) {
    const { exitCode, stderr, stdout } = run(sample, "--dry-run")
    expect([exitCode, stderr]).toEqual([0, ""])
    expect(stdout).toStartWith("Dry run: run sample for shop on 2 servers")
  }

  await using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("no", { status: 503 }) })
  using shop = pipelines({ ".jiji/pipelines/smoke.ts": smoke })
  const child = Bun.spawn([program, "run", "smoke", "--url", server.url.href], {
    cwd: shop.root,
    env: shop.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  const [code, stdout] = await Promise.all([child.exited, child.stdout.text()])
  expect([code, stdout]).toEqual([1, expect.stringMatching(/fetch: done.*check: FAILED: Unhealthy .*503/s)])
})

import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { compileFirst } from "../project.ts"
import { pipelines } from "./program.ts"

compileFirst()

const notice = `import { Effect } from "effect"
import { Pipeline, type Project, Runnable, Step } from "jiji"

const tell = Step.make("tell", (_: { readonly project: Project }) => Effect.void)
export default Runnable.make({
  pipeline: Pipeline.make<{ readonly project: Project }>("notice").pipe(Pipeline.step(tell))
})
`

const deployFile = `project: shop
servers: { web1: { host: 203.0.113.10 } }
services: { web: { image: "nginx:1.27", hosts: [web1] } }
hooks:
  must: { on: [run.succeeded], required: true, command: [sh, -c, 'echo no >&2; exit 3'] }
  may: { on: [run.succeeded], command: [sleep, "600"], timeout: 1s }
`

test("after a successful run, a failed hook is a warning, and a required one an error and in the summary", () => {
  using shop = pipelines({ ".jiji/pipelines/notice.ts": notice, ".jiji/deploy.yml": deployFile })
  const file = join(shop.root, "summary.md")
  const { code, stderr } = shop.jiji(["run", "notice"], { GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: file })
  expect(code).toBe(1)
  expect(stderr.split("\n").filter((line) => line.startsWith("::"))).toEqual([
    expect.stringMatching(
      /^::warning::The hook may failed on run\.succeeded: it took longer than 1 s and was stopped\.%0A→ /
    ),
    expect.stringMatching(/^::error::The hook must failed on run\.succeeded: exit code 3: no\.%0A→ /)
  ])
  expect(readFileSync(file, "utf8")).toMatch(
    /^### ✅ <code>notice<\/code> of <code>shop<\/code> done in .*\n\n\| Step [^]*\| <code>tell<\/code> \| done \| [^]*\n### ❌ jiji exited with code 1\n\n<pre>The hook must failed/
  )
})

test("an error in a pipeline file is an annotation on its line", () => {
  using shop = pipelines({ ".jiji/pipelines/notice.ts": notice.replace("export default", "export default const") })
  const env = { GITHUB_ACTIONS: "true", GITHUB_WORKSPACE: shop.root }
  const { code, stderr } = shop.jiji(["run", "notice"], env)
  expect([code, stderr]).toEqual([
    78,
    expect.stringMatching(/^::error file=\.jiji\/pipelines\/notice\.ts,line=5::[^\n]+\nerror: \.jiji/)
  ])
})

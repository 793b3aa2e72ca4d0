import { expect, test } from "bun:test"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { compileFirst } from "../cli/project.ts"
import { makeServer, start, untilStatus } from "./server.ts"

compileFirst()

test("a request names a pipeline of the project, and no file of the machine", async () => {
  using folder = makeServer({
    "other/.jiji/deploy.yml":
      "project: other\nservices:\n  web: { image: nginx, hosts: [web1] }\nservers:\n  web1: { host: 127.0.0.1 }\n",
    "other/.jiji/pipelines/theirs.ts": `export { default } from "../../../shop/.jiji/pipelines/hello.ts"\n`,
    "shop/.jiji/pipelines/with.dot.ts": `export { default } from "./hello.ts"\n`
  })
  const token = folder.token("ci", "run")
  const server = await folder.serve()
  const marker = join(folder.root, "loaded")
  const foreign = join(folder.root, "foreign.ts")
  writeFileSync(foreign, `import { writeFileSync } from "node:fs"\nwriteFileSync(${JSON.stringify(marker)}, "")\n`)
  const input = { name: "x", loud: false }
  for (const pipeline of [
    foreign,
    "../../foreign.ts",
    "../other/.jiji/pipelines/theirs.ts",
    "./.jiji/pipelines/hello.ts",
    "/etc/passwd",
    ".",
    ""
  ]) {
    const answer = await server.request(token, "/api/runs", { json: { project: "shop", pipeline, input } })
    expect([pipeline, answer.status, answer.message]).toEqual([
      pipeline,
      422,
      `Cannot run the pipeline ${pipeline}: there is no pipeline of this name in .jiji/pipelines`
    ])
  }
  expect(existsSync(marker)).toBe(false)
  const id = await start(server, token, { project: "shop", pipeline: "with.dot", input })
  await untilStatus(server, token, id, "succeeded")
}, 60_000)

test("the flags of a pipeline must not replace its run with help or other output", async () => {
  using folder = makeServer()
  const token = folder.token("ci", "run")
  const server = await folder.serve()
  for (const flags of [["--help"], ["-h"], ["--completions", "bash"], ["--json"]]) {
    const json = { project: "shop", pipeline: "hello", input: { name: "x", loud: false }, flags }
    const answer = await server.request(token, "/api/runs", { json })
    expect([answer.status, answer.message]).toEqual([422, expect.stringContaining("--help and --json print something")])
  }
}, 60_000)

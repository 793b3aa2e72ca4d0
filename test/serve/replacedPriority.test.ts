import { expect, test } from "bun:test"
import { compileFirst } from "../cli/project.ts"
import { makeServer, untilStatus } from "./server.ts"

compileFirst()

const release = `import { Pipeline, Step } from "jiji"
export default Pipeline.make("release").pipe(Pipeline.step(Step.waitFor("approved")))
`

test("a waiting run that another one replaces never shows a priority above those of requests", async () => {
  using folder = makeServer({ "shop/.jiji/pipelines/release.ts": release })
  const token = folder.token("ann", "approve")
  const server = await folder.serve()
  const json = { project: "shop", pipeline: "release", concurrency: { key: "release", whenBusy: "replace" } }
  await server.request(token, "/api/runs", { json })
  await untilStatus(server, token, 1, "waiting")
  await server.request(token, "/api/runs", { json })
  expect(await untilStatus(server, token, 1, "cancelled")).toMatchObject({ overtakenBy: 2, priority: 10 })
}, 60_000)

import { expect, test } from "bun:test"
import { compileFirst } from "../cli/project.ts"
import { deployFile, hello, makeServer } from "./server.ts"

compileFirst()

test("GET /api/triggers says which triggers cannot start what they name, before their time comes", async () => {
  using folder = makeServer({
    "shop/.jiji/deploy.yml": `${deployFile}triggers:
  good: { cron: "0 3 * * *", pipeline: hello, input: { name: Ann } }
  typo: { cron: "0 3 * * *", pipeline: helo }
  words: { event: { on: [run.failed] }, run: run helo }
  broken: { cron: "0 3 * * *", pipeline: broken }
  flag: { cron: "0 3 * * *", run: deploy --versoin 2 }
  remove: { cron: "0 3 * * *", run: remove web --yes }
  value: { cron: "0 3 * * *", run: deploy --wait $time }
`,
    "shop/.jiji/pipelines/hello.ts": hello,
    "shop/.jiji/pipelines/broken.ts": 'throw new Error("this file is broken")'
  })
  const token = folder.token("ann", "look")
  const server = await folder.serve()
  const { body } = await server.request(token, "/api/triggers?project=shop")
  const problems = Array.isArray(body) ? body.map(({ name, problem }) => [name, problem]) : []
  expect(problems).toEqual([
    ["good", undefined],
    ["typo", "There is no pipeline helo."],
    ["words", "There is no pipeline helo."],
    ["broken", expect.stringContaining("this file is broken")],
    ["flag", expect.stringContaining("Unrecognized flag: --versoin")],
    ["remove", "remove needs a person; use jiji or the API"],
    ["value", undefined]
  ])
}, 60_000)

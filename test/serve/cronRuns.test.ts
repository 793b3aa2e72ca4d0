import { expect, test } from "bun:test"
import { Database } from "bun:sqlite"
import { join } from "node:path"
import { compileFirst } from "../cli/project.ts"
import { until } from "../support/waiting.ts"
import { deployFile, makeServer, property, untilStatus } from "./server.ts"

compileFirst()

const nightly = `${deployFile}triggers:
  nightly: { cron: "0 3 * * *", time_zone: Europe/Berlin, pipeline: hello, input: { name: $time } }
`

test("jiji serve makes up for a time that passed while it was down, and says when the next run starts", async () => {
  using folder = makeServer({ "shop/.jiji/deploy.yml": nightly })
  const token = folder.token("ci", "look")
  const first = await folder.serve()
  const { body } = await until(
    () => first.request(token, "/api/triggers"),
    ({ body }) => Array.isArray(body) && body.length === 1
  )
  expect(body).toMatchObject([{ name: "nightly", source: "cron", pipeline: "hello", next: expect.any(Number) }])
  const file = join(folder.root, ".local/state/jiji/serve.sqlite")
  using db = new Database(file)
  db.run("PRAGMA busy_timeout = 10000")
  const known = () => db.query("SELECT tick FROM cron_ticks").all()
  await until(known, (rows) => rows.length === 1)
  first.child.kill("SIGTERM")
  await first.exited()
  // It was down for three days.
  db.run("UPDATE cron_ticks SET tick = tick - 259200000")
  const server = await folder.serve()
  const run = await until(
    async () => (await server.request(token, "/api/runs")).body,
    (runs) => Array.isArray(runs) && runs.length > 0
  )
  expect(run).toMatchObject([{ by: "trigger nightly", cause: "cron" }])
  await untilStatus(server, token, Number(property(Array.isArray(run) ? run[0] : undefined, "id")), "succeeded")
  expect((await server.request(token, "/api/runs")).body).toHaveLength(1)
  expect((await server.request(token, "/api/deliveries")).body).toMatchObject([{ source: "cron", verdict: "started" }])
}, 60_000)

test("jiji refuses a cron line that is none where it loads deploy.yml, with its place", () => {
  using folder = makeServer({ "shop/.jiji/deploy.yml": nightly.replace('"0 3 * * *"', '"0 25 * * *"') })
  const { code, stderr } = folder.jiji("config", "-c", join(folder.projects, "shop/.jiji/deploy.yml"))
  expect(code).toBe(78)
  expect(stderr).toContain("deploy.yml:5 triggers.nightly.cron: is not a cron line of five fields")
})

import { expect, test } from "bun:test"
import { compileFirst } from "../cli/project.ts"
import { until } from "../support/waiting.ts"
import { dotEnv, sendPush } from "./deliveries.ts"
import { deployFile, makeServer, property, type Server, untilStatus } from "./server.ts"

compileFirst()

/** A pipeline with triggers, which logs what it got. */
const pipeline = (name: string, on: string) => `import { Effect, Schema } from "effect"
import { Pipeline, Runnable, Step, Trigger } from "jiji"
export default Runnable.make({
  description: "Log a text",
  flags: Schema.Struct({ text: Schema.String }),
  on: ${on},
  pipeline: Pipeline.make<{ text: string }>("${name}").pipe(
    Pipeline.step(Step.make("log", ({ text }: { text: string }) =>
      text === "fail" ? Effect.die(new Error("failed")) : Effect.logInfo(text)))
  )
})
`

const runs = async (server: Server, token: string) => {
  const { body } = await server.request(token, "/api/runs?limit=100")
  return Array.isArray(body) ? body.toReversed() : []
}

test("jiji serve heeds the triggers of TypeScript pipelines, and notices when they change", async () => {
  using folder = makeServer({
    "shop/.jiji/pipelines/release.ts": pipeline(
      "release",
      '[Trigger.cron("0 3 * * *", { timeZone: "Europe/Berlin" }), Trigger.github({ push: "main", input: { text: "$commit" } }), Trigger.github({ tag: "v*", secret: "OTHER" })]'
    ),
    "shop/.env": dotEnv.replace("HOOK_SECRET", "WEBHOOK_SECRET")
  })
  const token = folder.token("ci", "run")
  const server = await folder.serve()
  expect((await server.request(token, "/api/triggers")).body).toMatchObject([
    { project: "shop", name: "release.cron", source: "cron", pipeline: "release", next: expect.any(Number) },
    { name: "release.github", hook: "/hooks/shop/release.github" },
    { name: "release.github-2", problem: expect.stringContaining("OTHER") }
  ])
  const { run } = await sendPush(server, "shop/release.github")
  expect(await untilStatus(server, token, Number(run), "succeeded")).toMatchObject({
    command: ["run", "release", "--text=4c1d9e0b1f6bd4f4ad1c0a1a0a5e5b8a0d6a9f11"],
    by: "trigger release.github",
    cause: "github"
  })
  folder.write("shop/.jiji/pipelines/release.ts", pipeline("release", '[Trigger.github({ push: "next" })]'))
  expect(await sendPush(server, "shop/release.github", { before: "" })).toMatchObject({ verdict: "ignored" })
  folder.write("shop/.jiji/pipelines/release.ts", pipeline("release", '[Trigger.cron("0 25 * * *")]'))
  expect((await sendPush(server, "shop/release.github")).status).toBe(503)
  const { body } = await server.request(token, "/api/pipelines?project=shop")
  expect(body).toContainEqual({
    name: "release",
    description: "",
    problem: expect.stringContaining(
      "The trigger release.cron is not valid. The line is not a cron line of five fields: minute, hour, day of the month, month, day of the week: expected a value between 0 and 23."
    )
  })
}, 60_000)

test("the end of a run starts others, once, also in another project and after a restart", async () => {
  using folder = makeServer({
    "shop/.jiji/pipelines/build.ts": pipeline("build", "[]"),
    "shop/.jiji/pipelines/release.ts": pipeline(
      "release",
      '[Trigger.event("RunSucceeded", { of: "build", input: { text: "$run" } })]'
    ),
    "other/.jiji/deploy.yml": `${deployFile}triggers:
  alarm: { event: { on: [run.failed], project: shop }, pipeline: log, input: { text: $.reason } }
`,
    "other/.jiji/pipelines/log.ts": pipeline("log", "[]")
  })
  const token = folder.token("ci", "run")
  const server = await folder.serve()
  const start = (text: string) =>
    server.request(token, "/api/runs", { json: { project: "shop", pipeline: "build", input: { text } } })
  await start("good")
  await untilStatus(server, token, 2, "succeeded")
  await start("fail")
  await untilStatus(server, token, 4, "succeeded")
  const all = await runs(server, token)
  expect(all).toMatchObject([
    { command: ["run", "build", "--text=good"], cause: "api" },
    { command: ["run", "release", "--text=1"], cause: "event", by: "trigger release.event" },
    { command: ["run", "build", "--text=fail"], status: "failed", reason: expect.any(String) },
    { project: "other", command: ["run", "log", `--text=${String(property(all[2], "reason"))}`], cause: "event" }
  ])
  server.child.kill("SIGKILL")
  await server.exited()
  const next = await folder.serve()
  await next.request(token, "/api/runs", { json: { project: "shop", pipeline: "build", input: { text: "again" } } })
  await untilStatus(next, token, 6, "succeeded")
  expect(await runs(next, token)).toHaveLength(6)
}, 60_000)

test("runs that start one another in a circle end with a reason", async () => {
  using folder = makeServer({
    "shop/.jiji/deploy.yml": `${deployFile}triggers:
  ping: { event: { on: [run.succeeded], of: hello }, pipeline: hello, input: { name: $run } }
`
  })
  const token = folder.token("ci", "run")
  const server = await folder.serve()
  await server.request(token, "/api/runs", { json: { project: "shop", pipeline: "hello", input: { name: "x" } } })
  const { body } = await until(
    () => server.request(token, "/api/deliveries"),
    ({ body }) => Array.isArray(body) && property(body[0], "verdict") === "refused"
  )
  expect(body).toMatchObject([
    { trigger: "ping", reason: "8 runs have started one another; this looks like a loop" },
    ...Array.from({ length: 8 }, () => ({ verdict: "started" }))
  ])
  expect(await runs(server, token)).toHaveLength(9)
}, 60_000)

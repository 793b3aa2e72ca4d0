import { describe, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { policyOf, retryPause } from "../../src/serve/policy.ts"
import { compileFirst } from "../cli/project.ts"
import { until } from "../support/waiting.ts"
import { gate, makeServer, property, start, untilStatus } from "./server.ts"

compileFirst()

/** The pipeline `gate`, with an input that decides on its concurrency key. */
const keyed = gate
  .replace('import { Effect } from "effect"', 'import { Effect, Schema } from "effect"')
  .replace("Pipeline, Step", "Pipeline, Runnable, Step")
  .replace(
    'export default Pipeline.make("gate").pipe(',
    `export default Runnable.make({
  description: "Wait",
  flags: Schema.Struct({ environment_name: Schema.String }),
  concurrency: {
    key: ({ environment_name }) => {
      if (environment_name === "none") throw new Error("no such environment")
      return "to " + environment_name
    },
    whenBusy: "replace"
  },
  pipeline: Pipeline.make("gate").pipe(`
  )
  .replace(/\)\n$/, ")})\n")

const run = { project: "shop", command: ["run", "gate"] }
const logOf = (folder: { readonly projects: string }) => {
  const file = join(folder.projects, "shop/log")
  return existsSync(file) ? readFileSync(file, "utf8") : ""
}

describe("how a run goes with others", () => {
  const deploy = { project: "shop", words: ["deploy"] }

  test("is decided by the request, then by its pipeline, then by what is usual", () => {
    expect(policyOf(deploy)).toEqual({ key: "shop", whenBusy: "queue", priority: 0 })
    expect(policyOf({ project: "shop", words: ["rollback"] }).priority).toBe(5)
    expect(policyOf({ project: "shop", words: ["rollback"] }, {}, { priority: "low" }).priority).toBe(-5)
    const pipeline = { key: "web", whenBusy: "replace", timeLimit: 1000, retries: { times: 3, delay: 1 } } as const
    expect(policyOf(deploy, pipeline)).toEqual({
      key: "shop\nweb",
      whenBusy: "replace",
      priority: 0,
      timeLimit: 1000,
      retries: { times: 3, delay: 1 }
    })
    expect(policyOf(deploy, pipeline, { concurrency: { whenBusy: "refuse" }, retries: { times: 1 } })).toMatchObject({
      key: "shop\nweb",
      whenBusy: "refuse",
      retries: { times: 1, delay: 10_000 }
    })
  })

  test("makes each pause before a retry twice as long, up to an hour", () => {
    expect([0, 1, 2, 20].map((retried) => retryPause(10_000, retried))).toEqual([10_000, 20_000, 40_000, 3_600_000])
    expect(retryPause(7_200_000, 3)).toBe(7_200_000)
  })

  test("can depend on the input of its pipeline, and a newer run then overtakes those in the queue", async () => {
    using folder = makeServer({ "shop/.jiji/pipelines/keyed.ts": keyed })
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const to = (name: string) => ({ project: "shop", pipeline: "keyed", input: { environment_name: name } })
    const first = await start(server, token, to("staging"))
    const other = await start(server, token, {
      project: "shop",
      command: ["run", "keyed", "--environment-name", "live"]
    })
    await until(() => logOf(folder).split("started ").length === 3)
    const second = await start(server, token, to("staging"))
    const following = server.events(token, second)
    const third = await start(server, token, to("staging"))
    expect(await following).toEqual([])
    expect((await server.request(token, `/api/runs/${second}`)).body).toMatchObject({
      status: "cancelled",
      reason: `overtaken by run ${third}`,
      overtakenBy: third,
      key: "to staging"
    })
    expect(await server.request(token, "/api/runs", { json: to("none") })).toMatchObject({
      status: 422,
      message: expect.stringContaining("its concurrency.key fails: no such environment")
    })
    folder.write("shop/go", "")
    for (const id of [first, other, third]) await untilStatus(server, token, id, "succeeded")
  }, 60_000)

  test("is in the request: refuse it while another one runs, and start the most urgent first", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const first = await start(server, token, run)
    await until(() => logOf(folder).includes("started"))
    const ask = (json: object) => server.request(token, "/api/runs", { json: { ...run, ...json } })
    expect(await ask({ concurrency: { whenBusy: "refuse" } })).toMatchObject({
      status: 409,
      message: `Run ${first} of shop is running.`
    })
    for (const wrong of [{ priority: 11 }, { priority: "urgent" }, { concurrency: { key: "a\nb" } }]) {
      expect((await ask(wrong)).status).toBe(400)
    }
    const later = await start(server, token, run)
    const urgent = await start(server, token, { ...run, priority: "high" })
    const beside = await start(server, token, { ...run, concurrency: { key: "docs" } })
    folder.write("shop/go", "")
    for (const id of [first, later, urgent, beside]) await untilStatus(server, token, id, "succeeded")
    const startOf = async (id: number) =>
      Number(property((await server.request(token, `/api/runs/${id}`)).body, "started"))
    expect(await startOf(urgent)).toBeLessThan(await startOf(later))
    expect(await startOf(beside)).toBeLessThan(await startOf(urgent))
  }, 60_000)
})

/** Stamps, and then fails as long as there is no file go. */
const flaky = `import { Duration, Effect, Schema } from "effect"
import { appendFileSync, existsSync } from "node:fs"
import { Pipeline, Runnable, Step } from "jiji"
const say = (text: string) => Effect.sync(() => appendFileSync("log", text + "\\n"))
export default Runnable.make({
  description: "Fail",
  retries: { times: 5, delay: "300 millis" },
  pipeline: Pipeline.make("flaky").pipe(
    Pipeline.step(Step.make("stamp", () => Effect.as(say("stamped"), { at: 1 }), { result: Schema.Struct({ at: Schema.Int }) })),
    Pipeline.step(Step.make("try", () => Effect.andThen(say("tried"), Effect.suspend(() =>
      existsSync("go") ? Effect.void : Effect.die(new Error("there is no go"))))))
  )
})
`

describe("a run that fails", () => {
  test("is tried again after a pause, without the steps that it has completed", async () => {
    using folder = makeServer({ "shop/.jiji/pipelines/flaky.ts": flaky })
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const id = await start(server, token, { project: "shop", pipeline: "flaky" })
    const between = await until(
      async () => (await server.request(token, `/api/runs/${id}`)).body,
      (body) => property(body, "status") === "waiting" && property(property(body, "retries"), "used") === 2
    )
    expect(between).toMatchObject({
      reason: expect.stringContaining("there is no go"),
      waits: [{ retry: 2, until: expect.any(Number) }],
      retries: { times: 5, used: 2 }
    })
    folder.write("shop/go", "")
    const ended = await untilStatus(server, token, id, "succeeded")
    expect(property(ended, "reason")).toBeUndefined()
    const lines = logOf(folder).trimEnd().split("\n")
    expect(lines.filter((line) => line === "stamped")).toHaveLength(1)
    expect(lines.filter((line) => line === "tried").length).toBe(Number(property(ended, "attempt")))
    const starts = (await server.events(token, id)).filter(({ data }) => data._tag === "RunStarted")
    expect(starts).toHaveLength(Number(property(ended, "attempt")))
  }, 60_000)

  test("fails when its retries are used up; one that cannot end better is not tried again", async () => {
    using folder = makeServer({ "shop/.jiji/pipelines/flaky.ts": flaky, "other/.jiji/deploy.yml": "project: 3\n" })
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const once = { retries: { times: 1, delay: "100ms" } }
    const id = await start(server, token, { project: "shop", pipeline: "flaky", ...once })
    const wrong = await start(server, token, { project: "other", command: ["deploy"], ...once })
    expect(await untilStatus(server, token, id, "failed")).toMatchObject({ attempt: 2, retries: { times: 1, used: 1 } })
    expect(await untilStatus(server, token, wrong, "failed")).toMatchObject({
      attempt: 1,
      retries: { times: 1, used: 0 }
    })
  }, 60_000)

  test("is not tried again when it is cancelled, also between two attempts", async () => {
    using folder = makeServer({ "shop/.jiji/pipelines/flaky.ts": flaky })
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const id = await start(server, token, {
      project: "shop",
      pipeline: "flaky",
      retries: { times: 9, delay: "1 hour" }
    })
    await untilStatus(server, token, id, "waiting")
    await server.request(token, `/api/runs/${id}/cancel`, { method: "POST" })
    expect(await untilStatus(server, token, id, "cancelled")).toMatchObject({ attempt: 1 })
  }, 60_000)

  test("is one that has taken too long, which undoes its steps", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const id = await start(server, token, { ...run, timeLimit: "2s" })
    expect(await untilStatus(server, token, id, "failed")).toMatchObject({
      reason: "it took longer than its time limit of 2 s",
      timeLimit: 2000
    })
    expect(logOf(folder).replace(/ \d+/, "")).toBe("prepared\nstarted\nundone\n")
    expect((await server.request(token, "/api/runs", { json: { ...run, timeLimit: "1ms" } })).status).toBe(400)
    expect((await server.request(token, "/api/runs", { json: { ...run, timeLimit: "soon" } })).status).toBe(400)
  }, 60_000)
})

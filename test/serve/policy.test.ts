import { describe, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { policyOf } from "../../src/serve/policy.ts"
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

import { describe, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { compileFirst } from "../cli/project.ts"
import { descendants } from "../support/processes.ts"
import { until } from "../support/waiting.ts"
import { makeServer, property, start, untilStatus } from "./server.ts"

compileFirst()

/** Builds, waits for an approval, and ships. Undoes what it has built. */
const release = `import { Effect, Schema } from "effect"
import { appendFileSync } from "node:fs"
import { Pipeline, Step } from "jiji"
const say = (text: string) => Effect.sync(() => appendFileSync("log", text + "\\n"))
export default Pipeline.make("release").pipe(
  Pipeline.step(Step.make("build", () => Effect.as(say("built"), { at: 1 }), { result: Schema.Struct({ at: Schema.Int }) })
    .pipe(Step.undo(() => say("undone")))),
  Pipeline.step(Step.waitFor("approved", { schema: Schema.Struct({ tag: Schema.String }) })),
  Pipeline.step(Step.make("ship", ({ approved }: { readonly approved: { readonly tag: string } }) => say("shipped " + approved.tag)))
)
`
const run = { project: "shop", pipeline: "release" }
const files = { "shop/.jiji/pipelines/release.ts": release }

const logOf = (folder: { readonly projects: string }) => {
  const file = join(folder.projects, "shop/log")
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : []
}

describe("a run of jiji serve that waits", () => {
  test("holds no process, survives a restart, and goes on when somebody who may approves", async () => {
    using folder = makeServer(files)
    const token = folder.token("ci", "run")
    const boss = folder.token("ann", "approve")
    const first = await folder.serve()
    const id = await start(first, token, run)
    expect(await untilStatus(first, token, id, "waiting")).toMatchObject({
      attempt: 1,
      waits: [{ path: "release/approved", signal: "approved" }]
    })
    // The one that is ready for the next run, and the one that knows the project's pipelines.
    await until(() => descendants(first.child.pid).length <= 2)
    const signal = (server: typeof first, by: string, value: unknown, name = "approved") =>
      server.request(by, `/api/runs/${id}/signals/${name}`, { json: value })
    expect(await signal(first, token, { tag: "v1" })).toMatchObject({
      status: 403,
      message: "This needs the role approve, but the token ci has the role run."
    })
    const wrong = await signal(first, boss, { tag: 3 })
    expect([wrong.status, wrong.message]).toEqual([422, 'The signal approved is refused: Expected string at ["tag"]'])
    expect(await signal(first, boss, { tag: "v1" }, "approve")).toMatchObject({
      status: 422,
      message: "The signal approve is refused: no step of release waits for approve, but for approved"
    })
    first.child.kill("SIGTERM")
    await first.exited()
    const server = await folder.serve()
    await untilStatus(server, token, id, "waiting")
    expect((await signal(server, boss, { tag: "v1" })).status).toBe(202)
    expect(await untilStatus(server, token, id, "succeeded")).toMatchObject({ attempt: 2 })
    expect(logOf(folder)).toEqual(["built", "shipped v1"])
    const events = await server.events(token, id)
    expect(events.map(({ data }) => data.text)).toContain("approved by ann")
    expect((await signal(server, boss, { tag: "v1" })).status).toBe(409)
    expect((await server.request(boss, "/api/runs/99/signals/approved", { json: true })).status).toBe(404)
  }, 60_000)

  test("takes signals of jiji signal on the same machine, too", async () => {
    using folder = makeServer(files)
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const id = await start(server, token, run)
    const waiting = await untilStatus(server, token, id, "waiting")
    const name = String(property(waiting, "run"))
    expect(folder.jiji("runs").stdout).toMatch(/release .* waiting /)
    // This command cannot check the value: the run refuses it, and waits again.
    expect(folder.jiji("signal", name, "approved", "3").code).toBe(0)
    await until(
      async () => (await server.request(token, `/api/runs/${id}`)).body,
      (body) => property(body, "attempt") === 2 && property(body, "status") === "waiting"
    )
    expect(folder.jiji("signal", name, "approved", '{"tag":"v2"}', "--by", "bob").code).toBe(0)
    await untilStatus(server, token, id, "succeeded")
    expect(logOf(folder)).toEqual(["built", "shipped v2"])
    const texts = (await server.events(token, id)).map(({ data }) => data.text)
    expect(texts).toContainEqual(expect.stringContaining("refused approved by "))
  }, 60_000)

  test("undoes its steps when it is cancelled", async () => {
    using folder = makeServer(files)
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const id = await start(server, token, run)
    await untilStatus(server, token, id, "waiting")
    const following = server.events(token, id)
    await server.request(token, `/api/runs/${id}/cancel`, { method: "POST" })
    await untilStatus(server, token, id, "cancelled")
    expect(logOf(folder)).toEqual(["built", "undone"])
    expect((await following).at(-1)?.data._tag).toBe("RunInterrupted")
  }, 60_000)

  test("fails, and does not start from the beginning, if its pipeline has changed meanwhile", async () => {
    using folder = makeServer(files)
    const token = folder.token("ci", "approve")
    const server = await folder.serve()
    const id = await start(server, token, run)
    await untilStatus(server, token, id, "waiting")
    folder.write("shop/.jiji/pipelines/release.ts", release.replace('"ship"', '"send"'))
    await server.request(token, `/api/runs/${id}/signals/approved`, { json: { tag: "v1" } })
    expect(await untilStatus(server, token, id, "failed")).toMatchObject({
      reason: expect.stringContaining("added release/send")
    })
    expect(logOf(folder)).toEqual(["built"])
  }, 60_000)

  test("goes on by itself when its time is over", async () => {
    const bake = release
      .replace(/Step\.waitFor.*\),$/m, 'Step.sleep("bake", "7 seconds")),')
      .replace("approved.tag", '"v3"')
    using folder = makeServer({ "shop/.jiji/pipelines/release.ts": bake.replace(/\(\{ approved.*\}\) =>/, "() =>") })
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const id = await start(server, token, run)
    expect(await untilStatus(server, token, id, "waiting")).toMatchObject({
      waits: [{ path: "release/bake", until: expect.any(Number) }]
    })
    expect(await untilStatus(server, token, id, "succeeded")).toMatchObject({ attempt: 2 })
    expect(logOf(folder)).toEqual(["built", "shipped v3"])
  }, 60_000)
})

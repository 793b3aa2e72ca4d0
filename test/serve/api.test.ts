import { describe, expect, test } from "bun:test"
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { compileFirst } from "../cli/project.ts"
import { until } from "../support/waiting.ts"
import { makeServer, property, start, untilStatus } from "./server.ts"

compileFirst()

const post = (command: ReadonlyArray<string>) => ({ json: { project: "shop", command } })

describe("the HTTP API of jiji serve", () => {
  test("runs a pipeline with an input, and streams its events", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const { body, status } = await server.request(token, "/api/runs", {
      json: { project: "shop", pipeline: "hello", input: { name: "-x y", times: 2, loud: false } }
    })
    expect([status, body]).toEqual([
      202,
      {
        id: 1,
        project: "shop",
        command: ["run", "hello", "--name=-x y", "--times=2", "--no-loud"],
        status: expect.stringMatching(/queued|running/),
        by: "ci",
        cause: "api",
        attempt: expect.any(Number),
        priority: 0,
        created: expect.any(Number)
      }
    ])
    const events = await server.events(token, 1)
    expect(events.map(({ data }) => data._tag)).toEqual([
      "RunStarted",
      "StepStarted",
      "StepNoted",
      "StepSucceeded",
      "RunSucceeded"
    ])
    expect(events[2]?.data.text).toBe('{"name":"-x y","times":2,"loud":false}')
    // From after an event on, as a browser asks when its connection was lost.
    expect((await server.events(token, 1, 3)).map(({ id }) => id)).toEqual([4, 5])
    expect(await untilStatus(server, token, 1, "succeeded")).toMatchObject({
      attempt: 1,
      run: expect.stringMatching(/^[0-9a-z]+-/)
    })
    // The history of this machine has the same run.
    expect(folder.jiji("runs", "--json").stdout).toContain(
      String(property((await server.request(token, "/api/runs/1")).body, "run"))
    )
  }, 60_000)

  test("refuses input that the pipeline's schema does not take, with the reasons", async () => {
    using folder = makeServer({ "shop/.jiji/pipelines/broken.ts": "export default 3\n" })
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const reason = async (json: object) => {
      const { message, status } = await server.request(token, "/api/runs", { json: { project: "shop", ...json } })
      return `${status} ${message}`
    }
    expect(await reason({ pipeline: "hello", input: { name: 3, times: 0, nmae: "x" } })).toBe(
      '422 Cannot run the pipeline hello: Expected no excess property\n  at ["nmae"]\nExpected string\n  at ["name"]\nExpected a value greater than 0\n  at ["times"]'
    )
    expect(await reason({ pipeline: "hello", flags: ["--nmae", "x"] })).toContain("422 Cannot run the pipeline hello: ")
    expect(await reason({ pipeline: "broken" })).toContain("422 Cannot run the pipeline broken: ")
    expect(await reason({ pipeline: "../../../etc/passwd" })).toContain("422 ")
    expect(await reason({ pipeline: "hello", input: { name: "x" }, flags: ["--config", "/etc/passwd"] })).toContain(
      "--config cannot be used here"
    )
    expect(await reason({ pipeline: "hello", input: { name: "x" }, more: 1 })).toStartWith("400 ")
    expect(await reason({ command: [] })).toStartWith("400 ")
    expect((await server.request(token, "/api/runs")).body).toEqual([])
    // A pipeline that has changed since is loaded again.
    folder.write(
      "shop/.jiji/pipelines/hello.ts",
      readFileSync(join(folder.projects, "shop/.jiji/pipelines/hello.ts"), "utf8").replace(
        "name: Schema.String",
        'name: Schema.Literals(["ann"])'
      )
    )
    expect(await reason({ pipeline: "hello", input: { name: "bob" } })).toStartWith("422 ")
    expect(await reason({ pipeline: "hello", input: { name: "ann" } })).toStartWith("202 ")
  }, 60_000)

  test("runs only some commands, and reads their flags before it accepts them", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    const admin = folder.token("root", "administer")
    const server = await folder.serve()
    const reason = async (command: ReadonlyArray<string>, by = token) => {
      const { message, status } = await server.request(by, "/api/runs", post(command))
      return `${status} ${message}`
    }
    expect(await reason(["deploy", "--versoin", "x"])).toContain("422 jiji serve does not run deploy: ")
    expect(await reason(["deploy", "--version", "a b"])).toContain("a tag: up to 128 letters")
    expect(await reason(["deploy", "-c", "/etc/passwd"])).toContain("--config cannot be used here")
    expect(await reason(["deploy", "--confirm"])).toContain("add --yes")
    expect(await reason(["deploy", "--help"])).toStartWith("422 ")
    expect(await reason(["maintenance", "on", "--page", "/etc/passwd"])).toContain("--page cannot be used here")
    expect(await reason(["server", "exec", "--", "id"])).toBe(
      "422 jiji serve does not run server: it runs deploy, rollback, start, stop, restart, maintenance, prune, remove and run"
    )
    expect(await reason(["run", "./x.ts"])).toContain("Name a pipeline in .jiji/pipelines first.")
    expect(await reason(["remove", "--all", "--yes"])).toBe(
      "403 This needs the role administer, but the token ci has the role run."
    )
    expect(await reason(["remove", "--all"], admin)).toContain("add --yes")
    expect((await server.request(token, "/api/runs")).body).toEqual([])
    // Its server does not answer, so it fails, and says why.
    const id = await start(server, token, { project: "shop", command: ["deploy", "--version", "v1"] })
    expect(await untilStatus(server, token, id, "failed")).toMatchObject({ reason: expect.stringContaining("web1") })
    const events = await server.events(token, id)
    expect(events.at(-1)?.data._tag).toBe("RunFailed")
  }, 60_000)

  test("lets in nobody without a good token, and each token only as far as its role", async () => {
    using folder = makeServer()
    const look = folder.token("guest", "look")
    const server = await folder.serve()
    for (const token of [
      "",
      "x",
      look.slice(0, -1),
      `${look.slice(0, -1)}${look.endsWith("A") ? "B" : "A"}`,
      `jiji_${"0".repeat(12)}_${"A".repeat(43)}`
    ]) {
      expect((await server.request(token, "/api/projects")).status).toBe(401)
    }
    expect(await server.request(look, "/api/projects")).toEqual({
      status: 200,
      body: [{ name: "shop" }],
      message: "undefined"
    })
    expect((await server.request(look, "/api/runs", post(["deploy"]))).status).toBe(403)
    expect((await server.request(look, "/api/runs/1/cancel", { method: "POST" })).status).toBe(403)
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    // The database has no token, and only its owner can read it.
    const file = join(folder.root, ".local/state/jiji/serve.sqlite")
    expect(statSync(file).mode & 0o777).toBe(0o600)
    // It may contain "_" itself.
    const secret = look.slice(`jiji_${"0".repeat(12)}_`.length)
    expect(secret).toHaveLength(43)
    for (const each of [file, `${file}-wal`]) expect(readFileSync(each, "latin1").includes(secret)).toBe(false)
    const { stdout } = folder.jiji("token", "list", "--json")
    expect(JSON.parse(stdout)).toEqual({
      name: "guest",
      role: "look",
      created: expect.any(Number),
      used: expect.any(Number)
    })
    expect(folder.jiji("token", "create", "guest")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("There is already a token named guest.")
    })
    expect(folder.jiji("token", "revoke", "guest").code).toBe(0)
    expect((await server.request(look, "/api/projects")).status).toBe(401)
    expect(folder.jiji("token", "revoke", "guest").code).toBe(2)
  }, 60_000)

  test("takes a token only until it expires", async () => {
    using folder = makeServer()
    const server = await folder.serve()
    const token = folder.jiji("token", "create", "short", "--expires", "12s").stdout.trim()
    expect((await server.request(token, "/api/projects")).status).toBe(200)
    await until(async () => (await server.request(token, "/api/projects")).status === 401)
    expect(folder.jiji("token", "list").stdout).toContain("expired")
    expect(folder.jiji("token", "create", "long", "--expires", "100 years").code).toBe(2)
  }, 60_000)

  test("ends a stream when its token is revoked", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    const other = folder.token("other", "run")
    const server = await folder.serve()
    const id = await start(server, token, { project: "shop", command: ["run", "gate"] })
    const log = join(folder.projects, "shop/log")
    await until(() => statSync(log, { throwIfNoEntry: false }) !== undefined)
    const following = server.events(other, id)
    folder.jiji("token", "revoke", "other")
    // The run goes on, so only the token can have ended the stream.
    expect((await following).map(({ data }) => data._tag)).not.toContain("RunSucceeded")
    folder.write("shop/go", "")
    expect(await untilStatus(server, token, id, "succeeded")).toMatchObject({ id })
  }, 60_000)

  test("limits the size of a request, and describes itself", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const large = await server
      .request(token, "/api/runs", { json: { project: "shop", command: ["x".repeat(2 * 1024 * 1024)] } })
      .catch(() => ({ status: 413 }))
    expect(large.status).toBe(413)
    const { body } = await server.request("", "/api/openapi.json")
    expect(Object.keys(property(body, "paths") ?? {}).sort()).toEqual([
      "/api/deliveries",
      "/api/deliveries/{id}",
      "/api/deliveries/{id}/again",
      "/api/pipelines",
      "/api/projects",
      "/api/queue",
      "/api/runs",
      "/api/runs/{id}",
      "/api/runs/{id}/cancel",
      "/api/runs/{id}/events",
      "/api/runs/{id}/signals/{name}",
      "/api/triggers",
      "/metrics"
    ])
    const pipelines = await server.request(token, "/api/pipelines?project=shop")
    expect(pipelines.body).toMatchObject([
      { name: "gate", description: "" },
      { name: "hello", description: "Say hello", input: { required: ["name"] } }
    ])
    expect((await server.request(token, "/api/pipelines?project=nope")).status).toBe(404)
    expect((await server.request(token, "/api/runs/99")).status).toBe(404)
    expect((await server.request(token, "/api/runs/x")).status).toBe(400)
  }, 60_000)

  test("does the same only once", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    const other = folder.token("other", "run")
    const server = await folder.serve()
    const json = { project: "shop", pipeline: "hello", input: { name: "x" }, once: "42" }
    const ids = await Promise.all([1, 2, 3].map(() => start(server, token, json)))
    expect(new Set(ids).size).toBe(1)
    expect(await start(server, other, json)).not.toBe(ids[0] ?? 0)
  }, 60_000)
})

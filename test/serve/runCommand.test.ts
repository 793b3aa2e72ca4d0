import { expect, test } from "bun:test"
import { compileFirst } from "../cli/project.ts"
import { makeServer, start, untilStatus } from "./server.ts"

compileFirst()

test("a pipeline can be started as a command, with flags for what it needs", async () => {
  using folder = makeServer()
  const token = folder.token("ci", "run")
  const server = await folder.serve()
  const json = (...flags: ReadonlyArray<string>) => ({ project: "shop", command: ["run", "hello", ...flags] })
  const id = await start(server, token, json("--name", "x", "--no-loud"))
  expect(await untilStatus(server, token, id, "succeeded")).toMatchObject({
    command: ["run", "hello", "--name", "x", "--no-loud"]
  })
  const missing = await server.request(token, "/api/runs", { json: json("--no-loud") })
  expect([missing.status, missing.message]).toEqual([422, expect.stringContaining("--name")])
}, 60_000)

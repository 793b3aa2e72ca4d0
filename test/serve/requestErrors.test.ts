import { expect, test } from "bun:test"
import { compileFirst } from "../cli/project.ts"
import { makeServer } from "./server.ts"

compileFirst()

test("each error of the API has a message that names the fault, and only that", async () => {
  using folder = makeServer()
  const token = folder.token("ci", "run")
  const server = await folder.serve()
  const reason = async (json: object) => {
    const { message, status } = await server.request(token, "/api/runs", { json })
    return `${status} ${message}`
  }
  const project = "shop"
  expect(await reason({ project, comand: ["deploy"] })).toBe('400 Payload: Unknown key at ["comand"]')
  expect(await reason({ project, command: "deploy" })).toBe('400 Payload: Expected array at ["command"]')
  expect(await reason({ project, command: ["deploy"], priority: "urgent" })).toBe(
    '400 Payload: Expected "low" | "normal" | "high" at ["priority"]'
  )
  expect(await reason({ project, pipeline: "hello", input: "x" })).toBe('400 Payload: Expected object at ["input"]')
  expect(await reason({ project, pipeline: "hello", command: ["deploy"] })).toContain('Unknown key at ["')
  expect(await reason({ project, command: ["deplo"] })).toEndWith("remove and run; did you mean deploy?")
  expect(await reason({ project, command: ["deploy", "--versoin", "1"] })).toBe(
    "422 jiji serve does not run deploy: Unrecognized flag: --versoin in command deploy; did you mean --version?"
  )
  expect(await reason({ project, pipeline: "hello", flags: ["--naem", "x"] })).toBe(
    "422 Cannot run the pipeline hello: Unrecognized flag: --naem in command jiji run hello; did you mean --name?"
  )
  const headers = { authorization: `Bearer ${token}` }
  const lost = await fetch(`${server.url}/api/rnus`, { headers })
  expect([lost.status, await lost.json()]).toEqual([
    404,
    { message: "There is no such address. GET /api/openapi.json describes all." }
  ])
  const body = new URLSearchParams({ project })
  const form = await fetch(`${server.url}/api/runs`, { method: "POST", headers, body })
  expect([form.status, await form.json()]).toEqual([
    415,
    { message: "Send JSON, with the header `Content-Type: application/json`." }
  ])
}, 60_000)

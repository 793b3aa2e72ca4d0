import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { compileFirst } from "../cli/project.ts"
import { until } from "../support/waiting.ts"
import { dotEnv, gitHubHeaders, push, secret, send, sendPush, standardHeaders } from "./deliveries.ts"
import { deployFile, makeServer, property, start, untilStatus } from "./server.ts"

compileFirst()

const commit = "4c1d9e0b1f6bd4f4ad1c0a1a0a5e5b8a0d6a9f11"

/** A project with these triggers. */
const project = (triggers: string) => ({
  "shop/.jiji/deploy.yml": `${deployFile}triggers:\n${triggers}`,
  "shop/.env": dotEnv
})

const onPush = project(
  '  main: { github: { secret: HOOK_SECRET, push: [main, "release/*"], tag: "v*" }, pipeline: hello, input: { name: $commit } }\n'
)
const onWebhook = project(
  "  call: { webhook: { secret: HOOK_SECRET }, pipeline: hello, input: { name: $.who, times: $.times } }\n"
)

describe("a hook for GitHub", () => {
  test("starts a run for a push to a branch, with values of the push", async () => {
    using folder = makeServer(onPush)
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    expect(await sendPush(server, "shop/main")).toEqual({ status: 202, delivery: 1, verdict: "started", run: 1 })
    expect(await untilStatus(server, token, 1, "succeeded")).toMatchObject({
      command: ["run", "hello", `--name=${commit}`],
      by: "trigger main",
      cause: "github"
    })
    const { body } = await server.request(token, "/api/deliveries/1")
    expect(body).toMatchObject({
      id: 1,
      project: "shop",
      trigger: "main",
      source: "github",
      senderId: "72d3162e-cc78-11e3-81ab-4c9367dc0958",
      verdict: "started",
      run: 1,
      values: { branch: "main", commit, repository: "octocat/Hello-World", sender: "octocat" },
      payload: { compare: push().compare }
    })
    // GitHub can also send a form.
    const form = new URLSearchParams({ payload: JSON.stringify(push({ ref: "refs/heads/release/1" })) }).toString()
    const headers = gitHubHeaders(form, { "content-type": "application/x-www-form-urlencoded" })
    expect((await send(server, "shop/main", form, headers)).status).toBe(202)
  }, 60_000)

  test("ignores a ping, and pushes that do not match", async () => {
    using folder = makeServer(onPush)
    const token = folder.token("ci", "look")
    const server = await folder.serve()
    const reason = async (changes: object, event = "push") => {
      const { message, status } = await sendPush(server, "shop/main", changes, { "x-github-event": event })
      return `${status} ${message}`
    }
    expect(await reason({ zen: "Design for failure." }, "ping")).toBe("200 it is not a push, but ping")
    expect(await reason({ ref: "refs/heads/feature" })).toBe("200 the branch feature does not match")
    expect(await reason({ ref: "refs/heads/release/a/b" })).toBe("200 the branch release/a/b does not match")
    expect(await reason({ ref: "refs/tags/nightly" })).toBe("200 the tag nightly does not match")
    expect(await reason({ after: "0".repeat(40), deleted: true })).toBe("200 main was deleted")
    expect(await reason({ after: 3 })).toBe("422 its body is not that of a push: it has no ref and after")
    const { body } = await server.request(token, "/api/deliveries?project=shop&trigger=main&limit=2")
    expect(body).toMatchObject([
      { id: 6, verdict: "refused" },
      { id: 5, verdict: "ignored", reason: "main was deleted" }
    ])
    // Nothing that another program could take for a flag.
    expect(await reason({ head_commit: { id: "--upload-pack=id" } })).toStartWith("422 its body is not that of a push")
    expect(await reason({ ref: "refs/heads/-x" })).toBe("422 refs/heads/-x begins with -")
    expect((await server.request(token, "/api/runs")).body).toEqual([])
    expect((await sendPush(server, "shop/main", { ref: "refs/tags/v1.2" })).status).toBe(202)
  }, 60_000)

  test("acts once on a delivery, also when several arrive at the same time, and under another ID", async () => {
    using folder = makeServer(onPush)
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const replies = await Promise.all(
      ["a", "b", "c", "d"].map((id) => sendPush(server, "shop/main", {}, { "x-github-delivery": id }))
    )
    expect(replies.map(({ run }) => run)).toEqual([1, 1, 1, 1])
    expect(replies.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 202])
    expect(replies.find(({ status }) => status === 200)?.message).toBe("it has started run 1 before")
    await untilStatus(server, token, 1, "succeeded")
    server.child.kill("SIGKILL")
    await server.exited()
    const next = await folder.serve()
    expect(await sendPush(next, "shop/main")).toMatchObject({ status: 200, run: 1 })
    // A person can send it again.
    const again = await next.request(token, "/api/deliveries/1/again", { method: "POST" })
    expect(again).toMatchObject({ status: 200, body: { verdict: "started", againOf: 1 } })
    const second = Number(property(again.body, "run"))
    expect(second).not.toBe(1)
    expect(await untilStatus(next, token, second, "succeeded")).toMatchObject({
      command: ["run", "hello", `--name=${commit}`],
      by: "ci"
    })
    expect(await next.request(token, "/api/deliveries/2/again", { method: "POST" })).toMatchObject({ status: 422 })
    expect(await next.request(token, "/api/deliveries/99/again", { method: "POST" })).toMatchObject({ status: 404 })
    const look = folder.token("guest", "look")
    expect(await next.request(look, "/api/deliveries/1/again", { method: "POST" })).toMatchObject({ status: 403 })
  }, 60_000)

  test("refuses a wrong signature before it reads anything else, and stores nothing of it", async () => {
    using folder = makeServer(onPush)
    const token = folder.token("ci", "look")
    const server = await folder.serve()
    const body = JSON.stringify(push({ sender: { login: "mallory" } }))
    const good = gitHubHeaders(body)
    const answers = [
      { "x-hub-signature-256": "" },
      { "x-hub-signature-256": "sha256=" },
      { "x-hub-signature-256": good["x-hub-signature-256"].replace(/.$/, (last) => (last === "0" ? "1" : "0")) },
      { "x-hub-signature-256": good["x-hub-signature-256"].toUpperCase() },
      { "x-hub-signature-256": `sha256=${secret}` }
    ]
    for (const headers of answers) {
      expect(await send(server, "shop/main", body, { ...good, ...headers })).toEqual({
        status: 401,
        message: "Unauthorized"
      })
    }
    expect(await send(server, "shop/main", `${body} `, good)).toMatchObject({ status: 401 })
    expect(await send(server, "shop/main", "not json", { ...good })).toMatchObject({ status: 401 })
    // One a second is recorded.
    const { body: deliveries } = await server.request(token, "/api/deliveries")
    expect(deliveries).toContainEqual({
      id: 1,
      project: "shop",
      trigger: "main",
      source: "github",
      received: expect.any(Number),
      verdict: "refused",
      reason: "its signature is wrong or too old"
    })
    const file = join(folder.root, ".local/state/jiji/serve.sqlite")
    for (const each of [file, `${file}-wal`]) expect(readFileSync(each, "latin1")).not.toContain("mallory")
  }, 60_000)

  test("keeps the secret and the signature out of the database", async () => {
    using folder = makeServer(onPush)
    const server = await folder.serve()
    // Old versions of Gitea and careless senders repeat the secret in the body.
    const body = JSON.stringify({ ...push(), secret })
    const headers = gitHubHeaders(body)
    expect(await send(server, "shop/main", body, headers)).toMatchObject({ status: 202 })
    const file = join(folder.root, ".local/state/jiji/serve.sqlite")
    for (const each of [file, `${file}-wal`]) {
      const text = readFileSync(each, "latin1")
      expect(text).not.toContain(secret)
      expect(text).not.toContain(headers["x-hub-signature-256"].slice(7))
    }
  }, 60_000)

  test("takes a body of up to 25 MB, and refuses larger ones without reading them", async () => {
    using folder = makeServer({ ...onPush, ...onPush })
    const server = await folder.serve()
    const large = JSON.stringify(push({ padding: "x".repeat(20_000_000) }))
    expect(await send(server, "shop/main", large, gitHubHeaders(large))).toMatchObject({ status: 202 })
    const { status } = await fetch(`${server.url}/hooks/shop/main`, {
      method: "POST",
      body: "x".repeat(100_000_000),
      headers: gitHubHeaders("")
    }).catch(() => ({ status: 413 }))
    expect(status).toBe(413)
    // Nothing says how long this one is.
    const chunks = async function* () {
      for (let count = 0; count < 100; count++) yield new Uint8Array(1_000_000)
    }
    const streamed = await fetch(`${server.url}/hooks/shop/main`, {
      method: "POST",
      body: chunks(),
      headers: gitHubHeaders("")
    }).catch(() => ({ status: 413 }))
    expect(streamed.status).toBe(413)
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
  }, 60_000)
})

describe("a hook for programs", () => {
  const call = (server: Parameters<typeof send>[0], json: object, id: string, at?: number) => {
    const body = JSON.stringify(json)
    return send(server, "shop/call", body, standardHeaders(body, id, at))
  }

  test("starts a run with fields of the body, once for each ID", async () => {
    using folder = makeServer(onWebhook)
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    expect(await call(server, { who: "--config=/etc/passwd", times: 2 }, "msg_1")).toMatchObject({
      status: 202,
      run: 1
    })
    expect(await untilStatus(server, token, 1, "succeeded")).toMatchObject({
      command: ["run", "hello", "--name=--config=/etc/passwd", "--times=2"]
    })
    expect(await call(server, { who: "x", times: 2 }, "msg_1")).toMatchObject({ status: 200, run: 1 })
    expect(await call(server, { who: "x", times: 2 }, "msg_2")).toMatchObject({ status: 202, verdict: "started" })
  }, 60_000)

  test("refuses an old signature, a wrong one, and one for another ID or time", async () => {
    using folder = makeServer(onWebhook)
    const server = await folder.serve()
    const now = Math.floor(Date.now() / 1000)
    const body = JSON.stringify({ who: "x", times: 1 })
    const headers = standardHeaders(body, "msg_1", now)
    for (const wrong of [
      standardHeaders(body, "msg_1", now - 3600),
      standardHeaders(body, "msg_1", now + 3600),
      standardHeaders(body, "msg_1", now, "another secret"),
      { ...headers, "webhook-id": "msg_2" },
      { ...headers, "webhook-timestamp": String(now - 1) },
      { ...headers, "webhook-signature": "" },
      { ...headers, "webhook-signature": headers["webhook-signature"].replace("v1,", "v2,") }
    ]) {
      expect(await send(server, "shop/call", body, wrong)).toEqual({ status: 401, message: "Unauthorized" })
    }
    // While a secret is replaced, there are two signatures.
    const both = { ...headers, "webhook-signature": `v1,AAAA ${headers["webhook-signature"]}` }
    expect(await send(server, "shop/call", body, both)).toMatchObject({ status: 202 })
  }, 60_000)

  test("refuses what the pipeline's schema does not take, or what a command could take for a flag", async () => {
    using folder = makeServer(
      project(`  call: { webhook: { secret: HOOK_SECRET }, pipeline: hello, input: { name: $.who, times: $.times } }
  deploy: { webhook: { secret: HOOK_SECRET }, run: deploy --version $.version }
  typo: { webhook: { secret: HOOK_SECRET }, run: deploy --versoin x }
  remove: { webhook: { secret: HOOK_SECRET }, run: remove --all --yes }
  lost: { webhook: { secret: NO_SECRET }, run: deploy }
  gone: { webhook: { secret: HOOK_SECRET }, pipeline: gone }
`)
    )
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    let count = 0
    const reason = async (hook: string, body: string) => {
      const { message, status } = await send(server, `shop/${hook}`, body, standardHeaders(body, `msg_${++count}`))
      return `${status} ${message}`
    }
    expect(await reason("call", '{ "who": 3, "times": 0 }')).toBe(
      '422 Cannot run the pipeline hello: Expected string\n  at ["name"]\nExpected a value greater than 0\n  at ["times"]'
    )
    expect(await reason("call", '{ "who": "x" }')).toBe("422 the event has no $.times")
    expect(await reason("call", "{")).toBe("400 its body is not JSON")
    expect(await reason("call", "")).toBe("400 its body is not JSON")
    const deep = (levels: number) => `{"a":`.repeat(levels) + "1" + "}".repeat(levels)
    expect(await reason("call", deep(20_000))).toBe("400 its body is nested too deeply")
    expect(await reason("call", '"text"')).toBe("422 the event has no $.who")
    expect(await reason("call", '{ "who": "x", "times": 1, "__proto__": { "a": 1 } }')).toStartWith("202 ")
    expect(await reason("deploy", '{ "version": "--config=/etc/passwd" }')).toBe(
      "422 $.version begins with - in this event"
    )
    expect(await reason("deploy", '{ "version": { "a": 1 } }')).toBe("422 $.version is not a text in this event")
    expect(await reason("deploy", '{ "version": "a b" }')).toContain("422 jiji serve does not run deploy: ")
    expect(await reason("typo", "{}")).toContain("422 jiji serve does not run deploy: ")
    expect(await reason("remove", "{}")).toBe("422 remove needs a person; use jiji or the API")
    expect(await reason("gone", "{}")).toContain("422 Cannot run the pipeline gone: ")
    expect(await reason("lost", "{}")).toBe("503 This hook cannot be used now.")
    const { body } = await server.request(token, "/api/deliveries?trigger=lost")
    expect(body).toMatchObject([{ verdict: "refused", reason: expect.stringContaining("NO_SECRET") }])
    expect((await server.request(token, "/api/triggers?project=shop")).body).toMatchObject([
      { name: "call", source: "webhook", pipeline: "hello", hook: "/hooks/shop/call" },
      { name: "deploy", command: ["deploy", "--version", "$.version"] },
      { name: "typo" },
      { name: "remove" },
      { name: "lost", problem: expect.stringContaining("NO_SECRET") },
      { name: "gone" }
    ])
    // Nobody can sign with an empty secret, and a secret is read again when .env changes.
    folder.write("shop/.env", `${dotEnv}NO_SECRET=\n`)
    const empty = standardHeaders("{}", "msg_empty", undefined, "")
    expect(await send(server, "shop/lost", "{}", empty)).toMatchObject({ status: 503 })
    folder.write("shop/.env", `${dotEnv}NO_SECRET=found\n`)
    const found = standardHeaders("{}", "msg_found", undefined, "found")
    expect(await send(server, "shop/lost", "{}", found)).toMatchObject({ status: 202 })
    // What was refused can be sent again when the trigger has been repaired.
    folder.write(
      "shop/.jiji/deploy.yml",
      `${deployFile}triggers:\n  call: { webhook: { secret: HOOK_SECRET }, pipeline: hello, input: { name: $.who } }\n`
    )
    const again = await server.request(token, "/api/deliveries/2/again", { method: "POST" })
    expect(again).toMatchObject({ status: 200, body: { verdict: "started", againOf: 2 } })
  }, 60_000)

  test("knows no other path, and takes 1 MB at most", async () => {
    using folder = makeServer({
      ...onWebhook,
      "clients/shop/.jiji/deploy.yml": onWebhook["shop/.jiji/deploy.yml"],
      "clients/shop/.env": dotEnv
    })
    const token = folder.token("ci", "run")
    const server = await folder.serve()
    const body = "{}"
    for (const path of ["", "shop", "shop/", "shop/other", "nope/call", "shop/call/extra", "shop/%E0%A4%A"]) {
      expect(
        (await fetch(`${server.url}/hooks/${path}`, { method: "POST", body, headers: standardHeaders(body, "m") }))
          .status
      ).toBe(404)
    }
    expect((await fetch(`${server.url}/hooks/shop/call`)).status).toBe(404)
    const large = JSON.stringify({ who: "x".repeat(2_000_000) })
    expect(await send(server, "shop/call", large, standardHeaders(large, "m"))).toMatchObject({ status: 413 })
    expect((await call(server, { who: "x", times: 1 }, "msg_1")).status).toBe(202)
    const nested = JSON.stringify({ who: "x", times: 1 })
    // The same ID at another trigger is another delivery.
    expect(await send(server, "clients/shop/call", nested, standardHeaders(nested, "msg_1"))).toMatchObject({
      verdict: "refused"
    })
    expect(property((await server.request(token, "/api/deliveries/2")).body, "project")).toBe("clients/shop")
  }, 60_000)

  test("takes deliveries while jiji serve stops, for the next one", async () => {
    using folder = makeServer(onWebhook)
    const token = folder.token("ci", "run")
    const stopped = await folder.serve()
    const gate = await start(stopped, token, { project: "shop", command: ["run", "gate"] })
    await untilStatus(stopped, token, gate, "running")
    stopped.child.kill("SIGTERM")
    await until(async () => (await fetch(`${stopped.url}/ready`)).status === 503)
    const { run, status } = await call(stopped, { who: "x", times: 1 }, "msg_1")
    expect(status).toBe(202)
    folder.write("shop/go", "")
    await stopped.exited()
    const server = await folder.serve()
    expect(await untilStatus(server, token, Number(run), "succeeded")).toMatchObject({ attempt: 1 })
    expect(await call(server, { who: "x", times: 1 }, "msg_1")).toMatchObject({ status: 200, run })
  }, 60_000)

  test("says that it cannot be used while deploy.yml is broken", async () => {
    using folder = makeServer(onWebhook)
    const server = await folder.serve()
    expect((await call(server, { who: "x", times: 1 }, "msg_1")).status).toBe(202)
    folder.write("shop/.jiji/deploy.yml", "project: [\n")
    expect((await call(server, { who: "x", times: 1 }, "msg_2")).status).toBe(503)
    folder.write("shop/.jiji/deploy.yml", onWebhook["shop/.jiji/deploy.yml"])
    expect((await call(server, { who: "x", times: 1 }, "msg_2")).status).toBe(202)
  }, 60_000)
})

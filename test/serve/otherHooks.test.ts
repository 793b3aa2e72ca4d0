import { describe, expect, test } from "bun:test"
import { createHmac } from "node:crypto"
import { compileFirst } from "../cli/project.ts"
import { dotEnv, push, secret, send, standardHeaders } from "./deliveries.ts"
import { deployFile, makeServer, property, untilStatus } from "./server.ts"

compileFirst()

const project = (triggers: string) => ({
  "shop/.jiji/deploy.yml": `${deployFile}triggers:\n${triggers}`,
  "shop/.env": `${dotEnv}HUB_SECRET=hub-hunter-2-2\n`
})

/** A push as GitLab sends it (docs.gitlab.com/user/project/integrations/webhook_events), without fields that nobody reads here. */
const gitLabPush = (changes: object = {}) =>
  JSON.stringify({
    object_kind: "push",
    event_name: "push",
    before: "95790bf891e76fee5e1747ab589903a6a1f80f22",
    after: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
    ref: "refs/heads/main",
    ref_protected: true,
    checkout_sha: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
    user_id: 4,
    user_name: "John Smith",
    user_username: "jsmith",
    project_id: 15,
    project: { id: 15, name: "Diaspora", path_with_namespace: "mike/diaspora", default_branch: "main" },
    commits: [{ id: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7", message: "fixed readme" }],
    total_commits_count: 1,
    ...changes
  })

describe("a hook for GitLab", () => {
  const files = project(
    "  lab: { gitlab: { secret: HOOK_SECRET, push: main, tag: 'v*' }, pipeline: hello, input: { name: $commit } }\n"
  )
  const headers = (event = "Push Hook", uuid = "13792a34-cac6-4fda-95a8-c58e00a3954e") => ({
    "content-type": "application/json",
    "user-agent": "GitLab/18.5.0",
    "idempotency-key": uuid,
    "x-gitlab-event": event,
    "x-gitlab-event-uuid": uuid,
    "x-gitlab-instance": "https://gitlab.example.com",
    "x-gitlab-webhook-uuid": "02affd2d-2cba-4033-917d-ec22d5dc4b38"
  })

  test("starts a run for a push with the secret token, once", async () => {
    using folder = makeServer(files)
    const token = folder.token("ci", "look")
    const server = await folder.serve()
    const good = { ...headers(), "x-gitlab-token": secret }
    expect(await send(server, "shop/lab", gitLabPush(), { ...good, "x-gitlab-token": `${secret}x` })).toMatchObject({
      status: 401
    })
    expect(await send(server, "shop/lab", gitLabPush(), headers())).toMatchObject({ status: 401 })
    const { run } = await send(server, "shop/lab", gitLabPush(), good)
    expect(await untilStatus(server, token, Number(run), "succeeded")).toMatchObject({
      command: ["run", "hello", "--name=da1560886d4f094c3e6c9ef40349f7d38b5d27d7"],
      cause: "gitlab"
    })
    expect(await send(server, "shop/lab", gitLabPush(), good)).toMatchObject({ status: 200, run })
    const tag = gitLabPush({ object_kind: "tag_push", ref: "refs/tags/v1" })
    expect(
      await send(server, "shop/lab", tag, { ...headers("Tag Push Hook", "other"), "x-gitlab-token": secret })
    ).toMatchObject({ status: 202 })
    expect(
      await send(server, "shop/lab", "{}", { ...headers("Issue Hook", "third"), "x-gitlab-token": secret })
    ).toMatchObject({
      verdict: "ignored",
      message: "it is not a push, but Issue Hook"
    })
  }, 60_000)

  test("starts a run for a push with a signature, once, whatever its unsigned headers say", async () => {
    using folder = makeServer(files)
    const server = await folder.serve()
    const signed = standardHeaders(gitLabPush(), "msg_1")
    const { run, status } = await send(server, "shop/lab", gitLabPush(), { ...headers(), ...signed })
    expect(status).toBe(202)
    expect(
      await send(server, "shop/lab", gitLabPush(), { ...headers("Push Hook", "another"), ...signed })
    ).toMatchObject({ status: 200, run })
    const old = standardHeaders(gitLabPush(), "msg_2", Math.floor(Date.now() / 1000) - 3600)
    expect(await send(server, "shop/lab", gitLabPush(), { ...headers(), ...old })).toMatchObject({ status: 401 })
    // A wrong signature does not become good by a token.
    const wrong = { ...headers(), ...old, "x-gitlab-token": secret }
    expect(await send(server, "shop/lab", gitLabPush(), wrong)).toMatchObject({ status: 401 })
  }, 60_000)
})

test("a hook for Gitea and Forgejo starts a run for a signed push, once", async () => {
  using folder = makeServer(
    project(
      "  tea: { gitea: { secret: HOOK_SECRET, push: main }, pipeline: hello, input: { name: $.pusher.name, loud: $.created } }\n"
    )
  )
  const token = folder.token("ci", "look")
  const server = await folder.serve()
  const body = JSON.stringify(push())
  const signature = createHmac("sha256", secret).update(body).digest("hex")
  const headers = (name: string) => ({
    "content-type": "application/json",
    [`x-${name}-delivery`]: "f6266f16-1bf3-46a5-9ea4-602e06ead473",
    [`x-${name}-event`]: "push",
    [`x-${name}-signature`]: signature
  })
  expect(await send(server, "shop/tea", `${body} `, headers("gitea"))).toMatchObject({ status: 401 })
  const { run } = await send(server, "shop/tea", body, headers("gitea"))
  expect(await untilStatus(server, token, Number(run), "succeeded")).toMatchObject({
    command: ["run", "hello", "--name=octocat", "--no-loud"],
    cause: "gitea"
  })
  expect(await send(server, "shop/tea", body, headers("forgejo"))).toMatchObject({ status: 200, run })
}, 60_000)

test("a hook for Docker Hub has its secret in the URL, and keeps the URL that answers it to itself", async () => {
  using folder = makeServer(
    project(
      "  hub: { docker_hub: { secret: HUB_SECRET, image: 'svendowideit/*', tag: latest }, run: run hello --name $tag --times=$.push_data.count }\n"
    )
  )
  const token = folder.token("ci", "run")
  const server = await folder.serve()
  /** As docs.docker.com/docker-hub/repos/manage/webhooks has it. */
  const body = (tag: string) =>
    JSON.stringify({
      callback_url:
        "https://registry.hub.docker.com/u/svendowideit/testhook/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/",
      push_data: { pushed_at: 1417566161, pusher: "trustedbuilder", tag, count: 2 },
      repository: {
        comment_count: 0,
        is_official: false,
        name: "testhook",
        namespace: "svendowideit",
        repo_name: "svendowideit/testhook"
      }
    })
  const json = { "content-type": "application/json" }
  expect(await send(server, "shop/hub/hub-hunter-2-3", body("latest"), json)).toEqual({
    status: 401,
    message: "Unauthorized"
  })
  expect(await send(server, "shop/hub", body("latest"), json)).toMatchObject({ status: 404 })
  expect(await send(server, "shop/hub/hub-hunter-2-2", body("next"), json)).toMatchObject({ verdict: "ignored" })
  const { message, run } = await send(server, "shop/hub/hub-hunter-2-2", body("latest"), json)
  expect(message).toBeUndefined()
  expect(await untilStatus(server, token, Number(run), "succeeded")).toMatchObject({
    command: ["run", "hello", "--name", "latest", "--times=2"],
    cause: "docker_hub"
  })
  const { body: delivery } = await server.request(token, "/api/deliveries/3")
  expect(property(delivery, "values")).toEqual({
    image: "svendowideit/testhook",
    tag: "latest",
    sender: "trustedbuilder"
  })
  expect(JSON.stringify(delivery)).not.toContain("2141b5bi5i5b02bec211i4eeih0242eg11000a")
  expect((await server.request(token, "/api/triggers")).body).toMatchObject([{ hook: "/hooks/shop/hub/SECRET" }])
}, 60_000)

test("a hook for a registry always answers 200, since registries repeat everything else", async () => {
  using folder = makeServer(
    project(
      "  pushed: { registry: { secret: HOOK_SECRET, image: shop-web }, pipeline: hello, input: { name: $tag, times: $.length } }\n"
    )
  )
  const token = folder.token("ci", "look")
  const server = await folder.serve()
  const event = (id: string, tag: string | undefined, length = 708) => ({
    id,
    timestamp: "2026-11-30T01:00:00Z",
    action: "push",
    target: {
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
      digest: "sha256:fea8",
      length,
      repository: "shop-web",
      tag
    },
    request: {
      id: "6df24a34",
      addr: "192.168.64.11:42961",
      host: "192.168.100.227:5000",
      method: "PUT",
      useragent: "curl/7.38.0"
    }
  })
  const body = JSON.stringify({
    events: [event("a", "v1"), event("b", undefined), event("c", "v2"), { action: "pull" }]
  })
  const headers = {
    "content-type": "application/vnd.docker.distribution.events.v1+json",
    authorization: `Bearer ${secret}`
  }
  const post = async (headers: Readonly<Record<string, string>>) => {
    const response = await fetch(`${server.url}/hooks/shop/pushed`, { method: "POST", body, headers })
    const answer: unknown = await response.json()
    return { status: response.status, answer }
  }
  expect((await post({ ...headers, authorization: secret })).status).toBe(401)
  expect(await post(headers)).toMatchObject({
    status: 200,
    answer: { deliveries: [{ verdict: "refused" }, { verdict: "refused" }] }
  })
  folder.write(
    "shop/.jiji/deploy.yml",
    `${deployFile}triggers:\n  pushed: { registry: { secret: HOOK_SECRET, image: shop-web }, pipeline: hello, input: { name: $tag } }\n`
  )
  expect(await post(headers)).toMatchObject({
    status: 200,
    answer: { deliveries: [{ verdict: "started" }, { verdict: "started" }] }
  })
  expect(await post(headers)).toMatchObject({
    status: 200,
    answer: { deliveries: [{ verdict: "ignored" }, { verdict: "ignored" }] }
  })
  expect((await server.request(token, "/api/runs")).body).toHaveLength(2)
}, 60_000)

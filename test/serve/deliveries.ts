import { Schema } from "effect"
import { createHmac } from "node:crypto"
import type { Server } from "./server.ts"

/** The secret of every hook in these tests, in the project's .env. */
export const secret = "It's a Secret to Everybody"
export const dotEnv = `HOOK_SECRET="${secret}"\n`

/** A push as GitHub sends it (docs.github.com/webhooks/webhook-events-and-payloads#push), without fields that nobody reads here. */
export const push = (changes: object = {}) => ({
  ref: "refs/heads/main",
  before: "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
  after: "4c1d9e0b1f6bd4f4ad1c0a1a0a5e5b8a0d6a9f11",
  repository: {
    id: 186853002,
    name: "Hello-World",
    full_name: "octocat/Hello-World",
    private: false,
    owner: { name: "octocat", email: "21031067+octocat@users.noreply.github.com", login: "octocat", id: 21031067 },
    html_url: "https://github.com/octocat/Hello-World",
    pushed_at: 1764460800,
    default_branch: "main",
    master_branch: "main"
  },
  pusher: { name: "octocat", email: "21031067+octocat@users.noreply.github.com" },
  sender: { login: "octocat", id: 21031067, type: "User", site_admin: false },
  created: false,
  deleted: false,
  forced: false,
  base_ref: null,
  compare: "https://github.com/octocat/Hello-World/compare/6113728f27ae...4c1d9e0b1f6b",
  commits: [
    {
      id: "4c1d9e0b1f6bd4f4ad1c0a1a0a5e5b8a0d6a9f11",
      tree_id: "f9d2a07e9488b91af2641b26b9407fe22a451433",
      distinct: true,
      message: "Update README.md",
      timestamp: "2026-11-30T01:00:00+01:00",
      author: { name: "octocat", email: "21031067+octocat@users.noreply.github.com", username: "octocat" },
      added: [],
      removed: [],
      modified: ["README.md"]
    }
  ],
  head_commit: { id: "4c1d9e0b1f6bd4f4ad1c0a1a0a5e5b8a0d6a9f11", message: "Update README.md" },
  ...changes
})

/** The headers of a delivery as GitHub sends them, for a body. */
export const gitHubHeaders = (body: string, changes: Readonly<Record<string, string>> = {}) => ({
  accept: "*/*",
  "content-type": "application/json",
  "user-agent": "GitHub-Hookshot/044aadd",
  "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
  "x-github-event": "push",
  "x-github-hook-id": "292430182",
  "x-github-hook-installation-target-id": "79929171",
  "x-github-hook-installation-target-type": "repository",
  "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
  ...changes
})

/** The headers of Standard Webhooks. `at` is in epoch seconds. */
export const standardHeaders = (body: string, id: string, at = Math.floor(Date.now() / 1000), key = secret) => ({
  "content-type": "application/json",
  "webhook-id": id,
  "webhook-timestamp": String(at),
  "webhook-signature": `v1,${createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64")}`
})

const optional = Schema.optionalKey

const Reply = Schema.Struct({
  delivery: optional(Schema.Int),
  verdict: optional(Schema.String),
  run: optional(Schema.Int),
  message: optional(Schema.String)
})
type Reply = typeof Reply.Type & { readonly status: number }
const decodeReply = Schema.decodeUnknownSync(Reply)

/** Sends a request to a hook. */
export const send = async (
  server: Server,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>>
): Promise<Reply> => {
  const response = await fetch(`${server.url}/hooks/${path}`, { method: "POST", body, headers })
  return { status: response.status, ...decodeReply(await response.json()) }
}

/** Sends a push as GitHub does. */
export const sendPush = (
  server: Server,
  path: string,
  changes: object = {},
  headers: Readonly<Record<string, string>> = {}
): Promise<Reply> => {
  const body = JSON.stringify(push(changes))
  return send(server, path, body, gitHubHeaders(body, headers))
}

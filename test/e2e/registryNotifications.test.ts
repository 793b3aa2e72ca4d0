import { afterAll, beforeAll, expect, test } from "bun:test"
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { deployFile, makeServer, untilStatus } from "../serve/server.ts"
import { compile } from "../support/program.ts"
import { until } from "../support/waiting.ts"
import { registryProgram } from "./Registry.ts"

const secret = "registry-hunter22"

const folder = mkdtempSync(join(tmpdir(), "jiji-notifying-"))
let registry: Bun.Subprocess<"ignore", "ignore", "pipe"> | undefined

beforeAll(compile, 120_000)
afterAll(() => {
  registry?.kill("SIGKILL")
  rmSync(folder, { recursive: true, force: true })
})

/** Starts a real registry that notifies a URL. Returns its own. */
const startRegistry = async (url: string, authorization: string): Promise<string> => {
  const config = {
    version: "0.1",
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: { addr: "127.0.0.1:0" },
    notifications: {
      endpoints: [
        {
          name: "jiji",
          url,
          headers: { Authorization: [authorization] },
          timeout: "5s",
          threshold: 3,
          backoff: "100ms"
        }
      ]
    }
  }
  const file = join(folder, "registry.yml")
  // JSON is YAML, too.
  writeFileSync(file, JSON.stringify(config))
  registry = Bun.spawn([registryProgram, "serve", file], { stdin: "ignore", stdout: "ignore", stderr: "pipe" })
  let log = ""
  const { stderr } = registry
  void (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of stderr) log += decoder.decode(chunk, { stream: true })
  })()
  const address = await until(() => /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1] ?? "")
  return `http://${address}`
}

const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`

/** Pushes an image as docker does: its blobs, then its manifest by tag. */
const pushImage = async (registryUrl: string, name: string, tag: string): Promise<string> => {
  const base = `${registryUrl}/v2/${name}`
  const upload = async (text: string) => {
    const opened = await fetch(`${base}/blobs/uploads/`, { method: "POST" })
    const location = opened.headers.get("location") ?? ""
    const target = `${location}${location.includes("?") ? "&" : "?"}digest=${digestOf(text)}`
    const put = await fetch(target, { method: "PUT", body: text })
    expect(put.status).toBe(201)
    return { digest: digestOf(text), size: text.length }
  }
  const config = await upload(
    JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] }, tag })
  )
  const layer = await upload(`layer of ${tag}`)
  const mediaType = "application/vnd.docker.distribution.manifest.v2+json"
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: { mediaType: "application/vnd.docker.container.image.v1+json", ...config },
    layers: [{ mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip", ...layer }]
  })
  const put = await fetch(`${base}/manifests/${tag}`, {
    method: "PUT",
    body: manifest,
    headers: { "content-type": mediaType }
  })
  expect(put.status).toBe(201)
  return digestOf(manifest)
}

test("a real registry's notification of a pushed image starts a run, once, with the image's tag and digest", async () => {
  using projects = makeServer({
    "shop/.jiji/deploy.yml": `${deployFile}triggers:
  pushed: { registry: { secret: REGISTRY_SECRET, image: acme/shop-web, tag: "v*" }, pipeline: hello, input: { name: $digest } }
`,
    "shop/.env": `REGISTRY_SECRET=${secret}\n`
  })
  const token = projects.token("ci", "look")
  const server = await projects.serve()
  const url = await startRegistry(`${server.url}/hooks/shop/pushed`, `Bearer ${secret}`)
  await pushImage(url, "acme/other", "v1")
  await pushImage(url, "acme/shop-web", "latest")
  const digest = await pushImage(url, "acme/shop-web", "v1.2")
  const { body } = await until(
    () => server.request(token, "/api/deliveries"),
    ({ body }) => Array.isArray(body) && body.length >= 3
  )
  expect(body).toMatchObject([
    { source: "registry", verdict: "started", run: 1 },
    { verdict: "ignored", reason: "the tag latest does not match" },
    { verdict: "ignored", reason: "the image acme/other does not match" }
  ])
  expect(await untilStatus(server, token, 1, "succeeded")).toMatchObject({
    command: ["run", "hello", `--name=${digest}`],
    cause: "registry"
  })
  expect((await server.request(token, "/api/deliveries/3")).body).toMatchObject({
    values: { image: "acme/shop-web", tag: "v1.2", digest },
    payload: { action: "push", target: { repository: "acme/shop-web", tag: "v1.2", digest } }
  })
})

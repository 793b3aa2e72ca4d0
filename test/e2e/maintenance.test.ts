import { beforeAll, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { until } from "../support/waiting.ts"
import type { ServerHost } from "./Host.ts"
import { done, outcomes } from "./observe.ts"
import { proxyImage, writeProxied } from "./proxied.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(() => buildProxyImage(hosts.operator, { name: proxyImage }))

const write = (version: string) =>
  writeProxied(
    hosts,
    version,
    {},
    { worker: { build: { context: "./web" }, hosts: ["h1", "h2"], health: { running_for: "0s" } } }
  )

const get = async (server: ServerHost) => {
  const words = "curl --silent --include --max-time 20 --header".split(" ")
  const { stdout } = await hosts.operator.try([...words, "Host: shop.test", `http://${server.ip}/`])
  const [head = "", ...body] = stdout.split("\r\n\r\n")
  return { head, body: body.join("\r\n\r\n") }
}

/** Waits for the answer of every server: after a reload, the proxy's old configuration may get some last connections. */
const untilAll = async (holds: (answer: { readonly head: string; readonly body: string }) => boolean) => {
  for (const server of hosts.servers) await until(() => get(server), holds)
}

test("what nobody deployed yet, and what is not behind the proxy, cannot be in maintenance", async () => {
  const early = await write("v1").jiji(["maintenance", "on"])
  expect(early.code).toBe(1)
  expect(early.stderr).toContain("The proxy on h1 or h2 does not serve web yet.")
  done(await write("v1").jiji(["deploy"]))
  const worker = await write("v1").jiji(["maintenance", "on", "-S", "worker"])
  expect(worker.code).toBe(2)
  expect(worker.stderr).toContain("worker is not behind the proxy, so jiji cannot answer requests there.")
  const both = await write("v1").jiji(["maintenance", "on", "--message", "x", "--page", "y"])
  expect(both.stderr).toContain("--message and --page cannot be used together.")
  const missing = await write("v1").jiji(["maintenance", "on", "--page", "nowhere.html"])
  expect(missing.stderr).toContain("The page nowhere.html cannot be read.")
  const project = write("v1")
  writeFileSync(join(project.root, "large.html"), "x".repeat(64 * 1024 + 1))
  const large = await project.jiji(["maintenance", "on", "--page", "large.html"])
  expect(large.code).toBe(2)
  expect(large.stderr).toContain("The page large.html has 65 KiB.")
  await untilAll(({ body }) => body === "v1")
})

test("visitors read the message, and a deploy goes on behind it", async () => {
  const on = done(await write("v1").jiji(["maintenance", "on", "--message", "Back <soon> & {env.HOME}"]))
  expect(on.stdout).toContain("the proxy answers 503 for web")
  await untilAll(
    ({ body, head }) =>
      head.startsWith("HTTP/1.1 503") &&
      head.includes("\r\nRetry-After: 60") &&
      head.includes("\r\nContent-Type: text/html; charset=utf-8") &&
      body.includes("<p>Back &lt;soon&gt; &amp; {env.HOME}</p>")
  )
  expect(done(await write("v1").jiji(["maintenance", "on", "--message", "Back <soon> & {env.HOME}"])).stdout).toContain(
    "already on"
  )
  const deployed = done(await write("v2").jiji(["deploy"]))
  expect(outcomes(deployed)).toContain("web h2: replaced")
  expect(deployed.stdout).toContain("web in maintenance: the proxy answers 503 until `jiji maintenance off`")
  for (const server of hosts.servers) expect((await get(server)).head).toStartWith("HTTP/1.1 503")
  expect((await write("v2").jiji(["plan"])).stdout).toContain("web in maintenance: a deploy does not end it")
})

test("a page of one's own replaces the message, and off serves the new version", async () => {
  const project = write("v2")
  const page = "<style>p{color:red}</style><p>\\{a\\}\u00e9</p>\n"
  writeFileSync(join(project.root, "page.html"), page)
  done(await project.jiji(["maintenance", "on", "--page", "page.html"]))
  await untilAll(({ body }) => body === page)
  done(await project.jiji(["maintenance", "off"]))
  await untilAll(({ body }) => body === "v2")
  expect(done(await project.jiji(["maintenance", "off"])).stdout).toContain("already off")
})

import { beforeAll, expect, test } from "bun:test"
import { until } from "../support/waiting.ts"
import type { ServerHost } from "./Host.ts"
import { containersOf, done, outcomes } from "./observe.ts"
import { load, proxyImage, writeProxied } from "./proxied.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
const write = (version: string, more?: Record<string, unknown>) => writeProxied(hosts, version, more)
beforeAll(() => buildProxyImage(hosts.operator, { name: proxyImage }))

const get = async (server: ServerHost, path = "/", host = "shop.test") => {
  const words = ["curl", "--silent", "--show-error", "--max-time", "20", "--header", `Host: ${host}`]
  const { stderr, stdout } = await hosts.operator.try([...words, `http://${server.ip}${path}`])
  return `${stdout}${stderr}`
}

const names = async (server: ServerHost) =>
  (await containersOf(server, "shop")).map(({ name, state }) => `${name} ${state}`)

test("a redeploy under load fails no request, on new connections and on those that are kept", async () => {
  done(await write("v0").jiji(["deploy"]))
  const stops = hosts.servers.map((server) => load(hosts, server))
  for (const version of ["v1", "v2"]) {
    const run = done(await write(version).jiji(["deploy"]))
    expect(outcomes(run)).toEqual(["web h1: replaced", "web h2: replaced"])
    for (const server of hosts.servers) expect(await get(server)).toBe(version)
  }
  for (const stop of stops) {
    const { answered, failed } = await stop()
    expect(failed).toEqual([])
    for (const count of answered) expect(count).toBeGreaterThan(100)
  }
  for (const server of hosts.servers) expect(await names(server)).toEqual(["shop-web running"])
})

test("a request that began before the switch ends well, and a new one goes to the new container", async () => {
  const run = write("v4", { drain: "20s" }).start(["deploy"])
  // Requests that begin at any moment, until the deploy is done.
  const slowAnswers: Array<Promise<string>> = []
  const isOver = run.done.then(() => true)
  await until(
    () => {
      for (const server of hosts.servers) slowAnswers.push(get(server, "/cgi-bin/slow"))
      return Promise.race([isOver, Promise.resolve(false)])
    },
    (over) => over,
    { every: 100, timeout: 110_000 }
  )
  done(await run.done)
  const got = await Promise.all(slowAnswers)
  expect(got.filter((answer) => !/^slow v[24]$/.test(answer))).toEqual([])
  expect(new Set(got)).toEqual(new Set(["slow v2", "slow v4"]))
})

test("a service that answers with an error keeps its old container, and the answer is shown", async () => {
  const run = await write("v5", { health: { path: "/missing", timeout: "3s", running_for: "0s" } }).jiji(["deploy"])
  expect(run.code).toBe(1)
  expect(run.stderr).toMatch(
    /answers GET \/missing with 404 after 3 s; the old one keeps running\. Its answer begins with:/
  )
  for (const server of hosts.servers) {
    expect(await get(server)).toBe("v4")
    expect(await names(server)).toEqual(["shop-web running"])
  }
})

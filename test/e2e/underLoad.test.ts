import { beforeAll, expect, test } from "bun:test"
import { until } from "../support/waiting.ts"
import { containersOf, done, outcomes } from "./observe.ts"
import { load, openSocket, proxiedService, proxyImage, writeProxied } from "./proxied.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(() => buildProxyImage(hosts.operator, { name: proxyImage }))

/** One replica on h1, and two on h2. */
const write = (version: string, more: Record<string, unknown> = {}) =>
  writeProxied(
    hosts,
    "page",
    { hosts: ["h1"], environment: { clear: { VERSION: version } }, ...more },
    { twin: proxiedService("twin.test", version, { hosts: ["h2"], replicas: 2, ...more }) }
  )

/** Another project on the same servers. */
const writeBlog = (version: string) =>
  writeProject(hosts, {
    name: "blog",
    image: { page: version },
    config: {
      proxy: { image: proxyImage },
      services: {
        web: {
          ports: [],
          health: { path: "/", running_for: "0s" },
          proxy: { hosts: ["blog.test"], port: 80, tls: "off" }
        }
      }
    }
  })

const sites = () => [
  { server: hosts.server("h1"), name: "shop.test" },
  { server: hosts.server("h2"), name: "twin.test" }
]

const get = async ({ name, server }: ReturnType<typeof sites>[number], path = "/") => {
  const words = ["curl", "--silent", "--show-error", "--max-time", "30", "--header", `Host: ${name}`]
  const { stderr, stdout } = await hosts.operator.try([...words, `http://${server.ip}${path}`])
  return `${stdout}${stderr}`
}

/** Sends 500 requests a second to each site. The result must be stopped, and then fails if a request has failed. */
const loadAll = () => {
  const stops = sites().map(({ name, server }) => load(hosts, server, name))
  return async () => {
    for (const { answered, failed } of await Promise.all(stops.map((stop) => stop()))) {
      expect(failed).toEqual([])
      for (const count of answered) expect(count).toBeGreaterThan(100)
    }
  }
}

// `bench/proxy.ts` does this ten times, with each engine and each number of replicas.
test("redeploys under load fail no request, with one replica and with two, while another project is deployed", async () => {
  done(await write("v0").jiji(["deploy"]))
  done(await writeBlog("b0").jiji(["deploy"]))
  const stop = loadAll()
  const other = writeBlog("b1").jiji(["deploy"])
  for (const version of ["v1", "v2", "v3"]) {
    const run = done(await write(version).jiji(["deploy"]))
    expect(outcomes(run)).toEqual(["twin h2: replaced", "web h1: replaced"])
    for (const site of sites()) expect(await get(site)).toBe(version)
  }
  expect(outcomes(done(await other))).toEqual(["web h1: replaced", "web h2: replaced"])
  await stop()
})

test("a request of 5 s that began before the switch ends well, and a websocket stays open for as long as `drain` allows", async () => {
  const stop = loadAll()
  const sockets = await Promise.all(
    sites().map(({ name, server }) => openSocket(hosts, server, name, "/cgi-bin/socket"))
  )
  const run = write("v4", { drain: "8s" }).start(["deploy"])
  const slow = sites().map((site) => get(site, "/cgi-bin/slow?5"))
  for (const [index, site] of sites().entries()) {
    await until(
      () => get(site),
      (page) => page === "v4",
      { timeout: 60_000 }
    )
    const ticks = sockets[index]?.output.length ?? 0
    await until(() => (sockets[index]?.output.length ?? 0) > ticks + 20)
  }
  expect(await Promise.all(slow)).toEqual(["slow v3", "slow v3"])
  const { stdout } = done(await run.done)
  for (const service of ["web", "twin"]) {
    expect(stdout).toContain(`the old container of ${service} still has open connections after 8 s: 1`)
  }
  for (const socket of sockets) expect((await socket.done).code).toBe(0)
  await stop()
})

test("when a replica is killed on podman, only requests fail that it has already received", async () => {
  const h2 = hosts.server("h2")
  const stop = load(hosts, h2, "twin.test")
  const inspect = (format: string) => h2.run(["podman", "inspect", "--format", format, "shop-twin-2"])
  await h2.run(["kill", "-9", await inspect("{{.State.Pid}}")])
  await until(
    () => inspect("{{.State.Running}} {{.RestartCount}}"),
    (state) => state === "true 1"
  )
  const { answered, failed } = await stop()
  for (const count of answered) expect(count).toBeGreaterThan(10)
  // Each run of wrk has six connections.
  for (const line of failed) expect(Number(/Non-2xx or 3xx responses: (\d+)/.exec(line)?.[1])).toBeLessThanOrEqual(6)
  expect((await containersOf(h2, "shop")).map(({ name, state }) => `${name} ${state}`)).toEqual([
    "shop-twin running",
    "shop-twin-2 running"
  ])
})

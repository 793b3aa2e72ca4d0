import { beforeAll, expect, test } from "bun:test"
import { until } from "../support/waiting.ts"
import { bootPodman } from "./bootPodman.ts"
import type { ServerHost } from "./Host.ts"
import { containersOf, done } from "./observe.ts"
import { load, proxyImage, writeProxied } from "./proxied.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(() => buildProxyImage(hosts.operator, { name: proxyImage }))

/** One replica of `web` and two of `api` behind the proxy, and `worker`, which is not. */
const write = () =>
  writeProxied(
    hosts,
    "v1",
    {},
    {
      api: {
        build: { context: "./web" },
        hosts: ["h1", "h2"],
        replicas: 2,
        proxy: { hosts: ["api.test"], port: 80, tls: "off" },
        health: { path: "/", running_for: "0s", timeout: "60s" }
      },
      worker: {
        build: { context: "./web" },
        hosts: ["h1", "h2"],
        restart: "always",
        health: { running_for: "0s" }
      }
    }
  )

const states = () =>
  Promise.all(
    hosts.servers.map(async (server) =>
      (await containersOf(server, "shop")).map(({ name, state }) => `${name} ${state}`).join(", ")
    )
  )

const get = (server: ServerHost, path = "/") =>
  hosts.operator.try([
    ..."curl --silent --include --max-time 20 --header".split(" "),
    "Host: shop.test",
    `http://${server.ip}${path}`
  ])

/** Waits until every server answers so: after a reload, the proxy's old configuration may get some last connections. */
const untilAll = async (holds: (answer: string) => boolean) => {
  for (const server of hosts.servers) await until(async () => (await get(server)).stdout, holds)
}

const startedAt = (server: ServerHost, name: string) =>
  server.run([server.engine, "inspect", "--format", "{{.State.StartedAt}}", name])

test("a restart loses no request, with one replica and with two", async () => {
  done(await write().jiji(["deploy"]))
  const before = await Promise.all(hosts.servers.map((server) => startedAt(server, "shop-web")))
  const loads = hosts.servers.flatMap((server) => [load(hosts, server), load(hosts, server, "api.test")])
  const run = done(await write().jiji(["restart", "web", "api"]))
  const ended = await Promise.all(loads.map((stop) => stop()))
  expect(ended.flatMap(({ failed }) => failed)).toEqual([])
  for (const count of ended.flatMap(({ answered }) => answered)) expect(count).toBeGreaterThan(50)
  expect(run.stdout).toMatch(/restarted shop-web; it did not answer for \d+\.\d\d s/)
  expect(run.stdout).toContain("restarted shop-api-2\n")
  expect(run.stdout).toMatch(/^SERVICE +SERVER +OUTCOME +TIME$/m)
  expect(run.stdout).toMatch(/^web +h1 +restarted /m)
  const after = await Promise.all(hosts.servers.map((server) => startedAt(server, "shop-web")))
  for (const [index, at] of after.entries()) expect(at).not.toBe(before[index] ?? "")
})

test("a stop lets requests end, and what is stopped stays so over a reboot", async () => {
  const slow = hosts.servers.map((server) => get(server, "/cgi-bin/slow"))
  for (const server of hosts.servers) {
    // The proxy is connected to port 80 of the container.
    await until(async () => (await server.try(["grep", "-q", ":0050 01 ", "/proc/net/tcp"])).code === 0)
  }
  const refused = await write().jiji(["stop"])
  expect([refused.code, refused.stderr]).toEqual([
    2,
    "error: This command stops all services of shop, and it cannot ask for confirmation here.\n  → Use --yes to stop without confirmation.\n"
  ])
  done(await write().jiji(["stop", "--yes"]))
  for (const answer of await Promise.all(slow)) expect(answer.stdout).toContain("slow v1")
  const all = "shop-api exited, shop-api-2 exited, shop-web exited, shop-worker exited"
  expect(await states()).toEqual([all, all])
  await untilAll((answer) => answer.startsWith("HTTP/1.1 503") && answer.includes("\r\nRetry-After: 60\r\n"))
  const again = done(await write().jiji(["stop", "web"]))
  expect(again.stdout).toContain("already stopped")
  const [h1, h2] = hosts.servers
  if (h1 === undefined || h2 === undefined) throw new Error("there are servers")
  // Docker starts an `unless-stopped` container at boot only if it ran.
  const policy = ["docker", "inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}"]
  expect((await h1.run([...policy, "shop-worker", "shop-web"])).split("\n").filter(Boolean)).toEqual([
    "no",
    "unless-stopped"
  ])
  await bootPodman(h2)
  expect((await states())[1]).toBe(all)
})

test("a start and a deploy start what was stopped", async () => {
  const started = done(await write().jiji(["start", "web", "api"]))
  expect(started.stdout).toContain("started shop-web")
  await untilAll((answer) => answer.endsWith("\r\n\r\nv1"))
  const running = "shop-api running, shop-api-2 running, shop-web running"
  expect(await states()).toEqual([`${running}, shop-worker exited`, `${running}, shop-worker exited`])
  expect(done(await write().jiji(["start", "web"])).stdout).toContain("already running")
  const deployed = done(await write().jiji(["deploy"]))
  expect(deployed.stdout).toContain("replace worker: the container is stopped")
  expect(await states()).toEqual([`${running}, shop-worker running`, `${running}, shop-worker running`])
})

test("a service that a deploy starts is no longer stopped for the proxy", async () => {
  done(await write().jiji(["stop", "web"]))
  await untilAll((answer) => answer.startsWith("HTTP/1.1 503"))
  done(await write().jiji(["deploy"]))
  await untilAll((answer) => answer.endsWith("\r\n\r\nv1"))
})

test("names that no server has are errors, and nothing is changed", async () => {
  const unknown = await write().jiji(["restart", "wbe"])
  expect(unknown.code).toBe(2)
  expect(unknown.stderr).toContain("Did you mean web?")
  done(await write().jiji(["remove", "worker", "--yes"]))
  const missing = await write().jiji(["stop", "web", "worker"])
  expect(missing.code).toBe(1)
  expect(missing.stderr).toContain("No server has a container of worker; jiji looked on h1 and h2.")
  expect((await states())[0]).toContain("shop-web running")
})

import { beforeAll, expect, test } from "bun:test"
import { until } from "../support/waiting.ts"
import type { Host } from "./Host.ts"
import { done } from "./observe.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
const image = "localhost/proxy:update"
beforeAll(() => buildProxyImage(hosts.operator, { name: image }))

const write = (name: string) =>
  writeProject(hosts, {
    name,
    image: { page: name },
    config: {
      proxy: { image },
      services: {
        web: { ports: [], health: { running_for: "0s" }, proxy: { hosts: [`${name}.test`], port: 80, tls: "off" } }
      }
    }
  })

const page = async (server: Host, name: string) => {
  const url = `http://${name}.test/`
  const words = [
    "curl",
    "--silent",
    "--show-error",
    "--max-time",
    "10",
    "--connect-to",
    `${name}.test:80:${server.ip}:80`,
    url
  ]
  const { code, stderr, stdout } = await hosts.operator.try(words)
  return code === 0 ? stdout : `${server.name}: ${stderr.trim()}`
}

const proxies = async (server: Host) =>
  (await server.containers())
    .filter(({ name }) => name.startsWith("jiji-proxy"))
    .map(({ name, state }) => `${name} ${state}`)

test("two projects that are deployed to new servers at once share one proxy", async () => {
  const runs = await Promise.all([write("shop").jiji(["deploy"]), write("blog").jiji(["deploy"])])
  for (const run of runs) done(run)
  for (const server of hosts.servers) {
    expect(await page(server, "shop")).toBe("shop")
    expect(await page(server, "blog")).toBe("blog")
    expect(await proxies(server)).toEqual(["jiji-proxy running"])
  }
})

test("doctor finds the proxy and its ports", async () => {
  const run = await write("shop").jiji(["doctor"])
  expect(run.stdout).toMatch(/proxy +runs with localhost\/proxy:update/)
  expect(run.stdout).toMatch(/ports +80 (?:are|is) served by the proxy/)
})

test("a new image replaces the proxy while it serves, and what an interrupted update left is cleaned up", async () => {
  const [h1] = hosts.servers
  if (h1 === undefined) throw new Error("there are servers")
  const idOf = (server: Host) => server.run([server.engine, "inspect", "--format", "{{.Id}}", "jiji-proxy"])
  const before = await Promise.all(hosts.servers.map(idOf))
  // An update that was killed after it had created the new container.
  const create = "create --name jiji-proxy-next --label jiji.proxy=x --network host localhost/proxy:update".split(" ")
  await h1.run([h1.engine, ...create])
  await buildProxyImage(hosts.operator, { name: image, mark: "two" })
  const update = write("shop").start(["deploy"])
  let ended = false
  const end = update.done.then((run) => {
    ended = true
    return run
  })
  // While the old one closes its ports, it may reset a connection that it has not accepted. The next one reaches the new one.
  const failures: Array<string> = []
  let [served, last] = [0, ""]
  await until(
    async () => {
      for (const server of hosts.servers) {
        const got = await page(server, "blog")
        if (got === "blog") served += 1
        else failures.push(`${last === got ? "again " : ""}${got}`)
        last = got
      }
      return ended
    },
    (is) => is,
    { timeout: 100_000 }
  )
  expect(done(await end).stdout).toContain("the proxy was updated")
  expect(served).toBeGreaterThan(10)
  expect(failures.filter((failure) => failure.startsWith("again "))).toEqual([])
  expect(failures.length).toBeLessThanOrEqual(hosts.servers.length)
  const after = await Promise.all(hosts.servers.map(idOf))
  for (const [index, id] of after.entries()) expect(id).not.toBe(before[index] ?? "")
  for (const server of hosts.servers) {
    expect(await proxies(server)).toEqual(["jiji-proxy running"])
    expect(await page(server, "shop")).toBe("shop")
    // The other project ships the same image now, so nothing is left to do for it.
  }
  expect(done(await write("blog").jiji(["deploy"])).stdout).toContain("h1 proxy: skipped: already up to date")
})

import { beforeAll, expect, test } from "bun:test"
import type { Host } from "./Host.ts"
import { done } from "./observe.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
const image = "localhost/proxy:1"
beforeAll(() => buildProxyImage(hosts.operator, { name: image }))

/** A project with a service behind the proxy. It publishes no ports. */
const write = (name: string, page: string, proxy: object, top: object = {}) =>
  writeProject(hosts, {
    name,
    image: { page },
    config: {
      proxy: { image, ...top },
      services: { web: { ports: [], health: { running_for: "0s" }, proxy: { port: 80, tls: "off", ...proxy } } }
    }
  })

/** What a server answers to a request: the status and the body. */
const get = async (server: Host, url: string, ...words: ReadonlyArray<string>) => {
  const { host, port, protocol } = new URL(url)
  const to = `${host.split(":")[0]}:${port === "" ? (protocol === "https:" ? "443" : "80") : port}`
  const got = await hosts.operator.try([
    ..."curl --silent --show-error --insecure --max-time 10 --write-out".split(" "),
    "\n%{http_code} %{redirect_url}",
    "--connect-to",
    `${to}:${server.ip}:${to.split(":")[1]}`,
    ...words,
    url
  ])
  const lines = got.stdout.trimEnd().split("\n")
  return `${lines.at(-1)?.trim()} ${lines.slice(0, -1).join("\n").trim()}${got.stderr.trim()}`
}

test("a service behind the proxy is served by host name, and its redeploy needs no reload", async () => {
  done(await write("shop", "one", { hosts: ["shop.test"] }).jiji(["deploy"]))
  for (const server of hosts.servers) {
    expect(await get(server, "http://shop.test/")).toBe("200 one")
    expect(await get(server, "http://other.test/")).toBe("404 404 Not Found")
  }
  done(await write("shop", "two", { hosts: ["shop.test"] }).jiji(["deploy"]))
  for (const server of hosts.servers) expect(await get(server, "http://shop.test/")).toBe("200 two")
})

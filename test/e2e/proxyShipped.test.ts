import { beforeAll, describe, expect, test } from "bun:test"
import { join } from "node:path"
import type { ServerHost } from "./Host.ts"
import { done } from "./observe.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { writeProject } from "./Project.ts"
import { startRegistry } from "./Registry.ts"
import { buildRegistryImage } from "./RegistryImage.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
const image = "localhost/proxy:1"
const login = { username: "me", password: "secret-word" }
const env = { REGISTRY_PASSWORD: login.password }
let registries: Readonly<Record<"remote" | "container" | "builtin", object>>

beforeAll(async () => {
  await buildProxyImage(hosts.operator, { name: image })
  await buildRegistryImage(hosts.operator, join(hosts.folder, "registry-image"), "registry:test")
  const server = await startRegistry(hosts, { on: hosts.operator, ...login })
  registries = {
    remote: { type: "remote", server, username: login.username, password: "REGISTRY_PASSWORD" },
    container: { type: "local", port: 9272, engine: "container", image: "registry:test" },
    builtin: { type: "local" }
  }
})

/** A project with a service behind the proxy, whose image only the operator has. */
const write = (name: string, registry: keyof typeof registries) =>
  writeProject(hosts, {
    name,
    image: { page: `page of ${name}` },
    config: {
      builder: { registry: registries[registry] },
      proxy: { image },
      services: {
        web: { ports: [], health: { running_for: "0s" }, proxy: { hosts: [`${name}.test`], port: 80, tls: "off" } }
      }
    }
  })

const pageOf = async (server: ServerHost, name: string) =>
  (await hosts.operator.try(["curl", "-s", "-m", "10", "-H", `Host: ${name}.test`, `http://${server.ip}/`])).stdout

const everyPage = (name: string) => Promise.all(hosts.servers.map((server) => pageOf(server, name)))

/** The proxy's container of each server. */
const proxies = () =>
  Promise.all(
    hosts.servers.map((server) => server.run([server.engine, "inspect", "--format", "{{.Id}}", "jiji-proxy"]))
  )

/** Removes the proxy and all images from the servers. */
const emptyServers = () =>
  Promise.all(
    hosts.servers.map(async (server) => {
      const all = `${server.engine} rm --force $(${server.engine} ps --all --quiet); ${server.engine} rmi --force $(${server.engine} images --quiet)`
      await server.try(["sh", "-c", all])
      expect(await server.images()).toEqual([])
    })
  )

describe.each(["remote", "container"] as const)("the image of the proxy through a %s registry", (kind) => {
  test("reaches servers that do not have it, and the next deploy keeps the proxy", async () => {
    const project = write(`far${kind}`, kind)
    done(await project.jiji(["deploy"], { env }))
    expect(await everyPage(`far${kind}`)).toEqual([`page of far${kind}`, `page of far${kind}`])
    const before = await proxies()
    done(await project.jiji(["deploy"], { env }))
    expect(await proxies()).toEqual(before)
    await emptyServers()
  })
})

test("removing a service takes it out of the proxy, which still serves the other project", async () => {
  const [one, two] = [write("one", "builtin"), write("two", "builtin")]
  done(await one.jiji(["deploy"]))
  done(await two.jiji(["deploy"]))
  expect(await everyPage("one")).toEqual(["page of one", "page of one"])
  const before = await proxies()
  const removed = done(await one.jiji(["remove", "web", "--yes"]))
  expect(removed.stdout).toContain("the proxy no longer serves one.test")
  expect(await everyPage("one")).toEqual(["404 Not Found\n", "404 Not Found\n"])
  expect(await everyPage("two")).toEqual(["page of two", "page of two"])
  expect(await proxies()).toEqual(before)
  for (const server of hosts.servers) {
    const inside = (...words: ReadonlyArray<string>) => server.run([server.engine, "exec", "jiji-proxy", ...words])
    const config = await inside("cat", "/jiji/caddy.json")
    expect(config).toContain("two.test")
    expect(config).not.toContain("one.test")
    expect(await inside("ls", "/jiji/sites")).toBe("two.json")
  }
})

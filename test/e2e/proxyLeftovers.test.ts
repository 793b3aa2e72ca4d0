import { beforeAll, expect, test } from "bun:test"
import type { ServerHost } from "./Host.ts"
import { done } from "./observe.ts"
import { proxiedService, proxyImage, writeProxied } from "./proxied.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(() => buildProxyImage(hosts.operator, { name: proxyImage }))

const write = (name: string, host: string, version = "v1") =>
  writeProxied(
    hosts,
    "page",
    { ...proxiedService(host, version), hosts: hosts.servers.map((server) => server.name) },
    {},
    name
  )

const get = async (server: ServerHost, host: string) => {
  const words = ["curl", "--silent", "--show-error", "--max-time", "10", "--header", `Host: ${host}`]
  const { stderr, stdout } = await hosts.operator.try([...words, `http://${server.ip}/`])
  return `${stdout}${stderr}`.trim()
}

const files = async (server: ServerHost) =>
  (await server.run([server.engine, "exec", "jiji-proxy", "sh", "-c", "cd /jiji && ls sites up"])).split("\n")

const removeByHand = async (name: string) => {
  for (const server of hosts.servers) await server.run([server.engine, "rm", "--force", `${name}-web`])
}

test("what the proxy has of a project whose containers were removed by hand goes with the deploy of another one, which may have its host name", async () => {
  done(await write("blog", "blog.test").jiji(["deploy"]))
  await removeByHand("blog")
  const run = done(await write("news", "blog.test", "news").jiji(["deploy"]))
  expect(run.stdout).toContain("the proxy no longer serves blog: no container of it is left")
  for (const server of hosts.servers) {
    expect(await get(server, "blog.test")).toBe("news")
    expect(await files(server)).toEqual(["sites:", "news.json", "", "up:", "news"])
  }
})

test("`jiji remove --all` also removes what deploy.yml no longer has", async () => {
  await removeByHand("news")
  const project = writeProject(hosts, { name: "news", image: { page: "news" } })
  const run = done(await project.jiji(["remove", "--all", "--yes"]))
  expect(run.stdout).toContain("the proxy no longer serves blog.test")
  for (const server of hosts.servers) {
    // Without sites, it does not even listen.
    expect(await get(server, "blog.test")).toContain("Failed to connect")
    expect(await files(server)).toEqual(["sites:", "", "up:"])
  }
})

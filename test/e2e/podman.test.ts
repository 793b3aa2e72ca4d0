import { expect, test } from "bun:test"
import { done, outcomes, page } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { startRegistry } from "./Registry.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" }, "podman")

const pages = (port: number) => Promise.all(hosts.servers.map((server) => page(hosts, server, port)))
const healthOf = (server: string, engine: string, container: string) =>
  hosts.server(server).run([engine, "inspect", "--format", "{{json .Config.Healthcheck}}", container])

test("deploys an image built by podman with its health check, to docker and podman, and only once", async () => {
  const project = writeProject(hosts, { name: "shop", image: { page: "from podman", healthcheck: "passes" } })
  done(await project.jiji(["deploy"]))
  expect(await pages(8080)).toEqual(["from podman", "from podman"])
  expect(await healthOf("h1", "docker", "shop-web")).toContain("wget")
  expect(await healthOf("h2", "podman", "shop-web")).toContain("wget")
  expect(outcomes(done(await project.jiji(["deploy"])))).toEqual(["web h1: unchanged", "web h2: unchanged"])
})

test("deploys an image built by podman through a remote registry by its digest there", async () => {
  const address = await startRegistry(hosts, { on: hosts.operator, username: "me", password: "secret-word" })
  const project = writeProject(hosts, {
    name: "pushed",
    image: { page: "pushed" },
    config: {
      builder: { registry: { type: "remote", server: address, username: "me", password: "REGISTRY_PASSWORD" } },
      services: { web: { ports: ["8081:80"] } }
    }
  })
  const env = { REGISTRY_PASSWORD: "secret-word" }
  done(await project.jiji(["deploy"], { env }))
  expect(await pages(8081)).toEqual(["pushed", "pushed"])
  expect(outcomes(done(await project.jiji(["deploy"], { env })))).toEqual(["web h1: unchanged", "web h2: unchanged"])
})

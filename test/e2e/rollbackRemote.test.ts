import { beforeAll, expect, test } from "bun:test"
import { done, outcomes, page } from "./observe.ts"
import { writeProject } from "./Project.ts"
import type { ServerHost } from "./Host.ts"
import { type RemoteRegistry, startRemoteRegistry } from "./RemoteRegistry.ts"
import { withHosts } from "./withHosts.ts"

const env = { TOKEN: "p4ss $word\"'" }
let registry: RemoteRegistry
const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  registry = await startRemoteRegistry(hosts, { username: "me", password: env.TOKEN })
})

const write = (version: string) =>
  writeProject(hosts, {
    name: "shop",
    image: { page: version },
    config: {
      builder: { registry: { type: "remote", server: "ghcr.io", username: "me", password: "TOKEN" } },
      services: { web: { health: { running_for: "0s" } } }
    }
  })

const pages = () => Promise.all(hosts.servers.map((server) => page(hosts, server)))

/**
 * Makes a server lose the image of a version, but not the container that keeps the version's configuration. Docker lets an
 * image go that a stopped container has. Podman removes the container with it, so there the image stays.
 */
const loseImage = async (server: ServerHost, version: string) => {
  const filters = ["--filter", "label=jiji.kept=shop", "--filter", `label=jiji.version=${version}`]
  const ids = (await server.run(["docker", "ps", "--all", ...filters, "--format", "{{.ID}}"])).trim().split("\n")
  const images = (await server.images()).filter((name) => name.endsWith(`web:${version}`))
  for (const name of images) await server.run(["docker", "rmi", "--force", name])
  for (const id of ids) {
    const image = (await server.run(["docker", "inspect", "--format", "{{.Image}}", id])).trim()
    await server.run(["docker", "rmi", "--force", image])
  }
  return images
}

test("a rollback pulls what servers have lost from the remote registry, or refuses before it changes anything", async () => {
  for (const version of ["v1", "v2"]) {
    done(await write(version).jiji(["deploy", "--version", version], { env }))
  }
  expect(await pages()).toEqual(["v2", "v2"])
  expect(await loseImage(hosts.server("h1"), "v1")).toHaveLength(1)
  const project = write("v2")

  registry.breakDown({ on: "^(GET|HEAD) .*/(manifests|blobs)/", status: 404 })
  const refused = await project.jiji(["rollback", "v1"], { env })
  expect(refused.code).not.toBe(0)
  expect(await pages()).toEqual(["v2", "v2"])
  registry.repair()

  const before = (await registry.requests()).length
  expect(outcomes(done(await project.jiji(["rollback", "v1"], { env })))).toEqual([
    "web h1: replaced",
    "web h2: replaced"
  ])
  expect(await pages()).toEqual(["v1", "v1"])
  const asked = (await registry.requests()).slice(before)
  expect(asked.filter((line) => /^GET .*\/blobs\//.test(line))).not.toEqual([])
  // Nothing was pushed.
  expect(asked.filter((line) => /^(PUT|PATCH|POST)/.test(line))).toEqual([])
})

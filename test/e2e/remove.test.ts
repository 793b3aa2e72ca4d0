import { expect, test } from "bun:test"
import type { Host } from "./Host.ts"
import { containersOf, done, quietTraces, untilQuiet } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })

/** Two services with a volume each. */
const write = (services: ReadonlyArray<string>, name = "shop") =>
  writeProject(hosts, {
    name,
    image: { page: "one" },
    config: {
      services: {
        web: { ports: [], volumes: ["files:/data"], health: { running_for: "0s" } },
        ...(services.includes("worker") && {
          worker: {
            build: { context: "./web" },
            hosts: ["h1", "h2"],
            volumes: ["jobs:/data"],
            health: { running_for: "0s" }
          }
        })
      }
    }
  })

/** The project's containers, without those of the project shop-web. */
const names = () =>
  Promise.all(
    hosts.servers.map(async (server) =>
      (await containersOf(server, "shop")).map(({ name }) => name).filter((name) => !name.startsWith("shop-web-"))
    )
  )

const volumes = () =>
  Promise.all(
    hosts.servers.map(async (server) => {
      const stdout = await server.run([server.engine, "volume", "ls", "--quiet"])
      return stdout.split("\n").filter((name) => name.startsWith("shop_"))
    })
  )

const networks = () =>
  Promise.all(
    hosts.servers.map(async (server) => {
      const stdout = await server.run([server.engine, "network", "ls", "--format", "{{.Name}}"])
      return stdout
        .split("\n")
        .filter((name) => name.startsWith("jiji-"))
        .sort()
    })
  )

/** How many images of a service there are on each server. */
const images = (service: string) =>
  Promise.all(
    hosts.servers.map(async (server) => {
      const stdout = await server.run([server.engine, "image", "ls", "--quiet", `localhost:9270/shop-${service}`])
      return stdout.split("\n").filter((line) => line !== "").length
    })
  )

const imageOf = async (server: Host) =>
  (await server.run([server.engine, "inspect", "--format", "{{.Config.Image}}", "shop-web"])).trim()

test("removes services, and what deploy.yml no longer has, but no data unless it is asked to", async () => {
  const quiet = await quietTraces(hosts)
  const project = write(["web", "worker"])
  done(await project.jiji(["deploy"]))
  expect(await names()).toEqual([
    ["shop-web", "shop-worker"],
    ["shop-web", "shop-worker"]
  ])
  done(await write([], "shop-web").jiji(["deploy"]))

  const unconfirmed = await project.jiji(["remove", "web"])
  expect(unconfirmed.code).toBe(2)
  expect(unconfirmed.stderr).toContain("This command removes web, and it cannot ask for confirmation here.")
  const unknown = await project.jiji(["remove", "wbe", "--yes"])
  expect(unknown.code).toBe(2)
  expect(unknown.stderr).toContain("There is no service wbe; deploy.yml and the servers have web and worker.")
  expect(unknown.stderr).toContain("Did you mean web?")
  expect((await project.jiji(["remove", "--yes"])).code).toBe(2)
  expect(await names()).toEqual([
    ["shop-web", "shop-worker"],
    ["shop-web", "shop-worker"]
  ])

  // What somebody copied for a closer look stays.
  for (const server of hosts.servers) {
    const labels = ["--label", "jiji.project=shop", "--label", "jiji.service=web"]
    await server.run([server.engine, "create", "--name", "copy", ...labels, await imageOf(server)])
  }
  const web = done(await project.jiji(["remove", "web", "--yes"]))
  expect(web.stdout).toContain("removed shop-web")
  expect(web.stdout).toContain("kept the data in shop_files")
  expect(await names()).toEqual([["shop-worker"], ["shop-worker"]])
  for (const server of hosts.servers) await server.run([server.engine, "rm", "copy"])
  expect(await images("worker")).toEqual([1, 1])

  done(await write(["web"]).jiji(["remove", "worker", "--yes", "-H", "h1"]))
  expect(await names()).toEqual([[], ["shop-worker"]])
  expect(await volumes()).toEqual([
    ["shop_files", "shop_jobs"],
    ["shop_files", "shop_jobs"]
  ])

  done(await write(["web", "worker"]).jiji(["remove", "--all", "--volumes", "--yes"]))
  expect(await names()).toEqual([[], []])
  expect(await volumes()).toEqual([[], []])
  expect(await images("worker")).toEqual([0, 0])
  expect(await networks()).toEqual([["jiji-shop-web"], ["jiji-shop-web"]])
  const again = done(await project.jiji(["remove", "--all", "--volumes", "--yes"]))
  expect(again.stdout).toContain("nothing to remove")

  // The other project's names are similar.
  for (const server of hosts.servers) {
    expect((await containersOf(server, "shop-web")).map(({ name }) => name)).toEqual(["shop-web-web"])
  }
  done(await write([], "shop-web").jiji(["remove", "--all", "--volumes", "--yes"]))
  expect(await networks()).toEqual([[], []])
  expect((await untilQuiet(hosts, quiet)).new).toEqual([])
})

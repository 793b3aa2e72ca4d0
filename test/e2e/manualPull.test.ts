import { beforeAll, expect, test } from "bun:test"
import { join } from "node:path"
import type { ServerHost } from "./Host.ts"
import { done } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })

const write = (page: string) =>
  writeProject(hosts, {
    name: "myapp",
    image: { page },
    config: {
      services: {
        service: { build: { context: "./web" }, hosts: ["h1", "h2"], health: { running_for: "0s" } }
      }
    }
  })

const deploy = async (page: string, version: string) =>
  done(await write(page).jiji(["deploy", "-S", "service", "--version", version]))

beforeAll(async () => {
  await deploy("first", "v1")
  await deploy("second", "v2")
  for (const server of hosts.servers) {
    await server.run([server.engine, "rm", "--force", "myapp-service"])
    const ids = await server.run([server.engine, "images", "--quiet"])
    await server.run([server.engine, "rmi", "--force", ...new Set(ids.split("\n"))])
  }
  // It ends with the hosts.
  const serving = write("second").start(["registry", "serve"])
  await serving.waitFor("Press Ctrl-C to stop")
})

/** Runs a command on a server through a forward that a person opens with `ssh -R`. */
const throughForward = (server: ServerHost, command: string) => {
  const hostKey = [
    "-o",
    `UserKnownHostsFile=${join(hosts.folder, "own_known_hosts")}`,
    "-o",
    "StrictHostKeyChecking=no"
  ]
  const forward = ["-R", "9270:localhost:9270", `root@${server.ip}`]
  return hosts.operator.run(["ssh", "-i", hosts.key, ...hostKey, ...forward, command])
}

/** The page of an image on a server. */
const pageOf = (server: ServerHost, image: string) =>
  server.run([server.engine, "run", "--rm", image, "/bin/busybox", "cat", "/www/index.html"])

test("docker pulls PROJECT/SERVICE:latest through a forward of one's own, and gets the version pushed last", async () => {
  const server = hosts.server("h1")
  const image = "localhost:9270/myapp/service:latest"
  await throughForward(server, `docker pull ${image}`)
  expect(await pageOf(server, image)).toBe("second")
})

test("podman does, too", async () => {
  const server = hosts.server("h2")
  const image = "localhost:9270/myapp/service:latest"
  await throughForward(server, `podman pull --tls-verify=false ${image}`)
  expect(await pageOf(server, image)).toBe("second")
})

test("an older version can be pulled under either name", async () => {
  const server = hosts.server("h1")
  for (const name of ["myapp/service", "myapp-service"]) {
    const image = `localhost:9270/${name}:v1`
    await throughForward(server, `docker pull ${image}`)
    expect(await pageOf(server, image)).toBe("first")
  }
})

test("deploys keep using PROJECT-SERVICE by digest", async () => {
  const run = await deploy("second", "v2")
  expect(run.stdout).toMatch(/localhost:9270\/myapp-service@sha256:[0-9a-f]{64}: Pulling from myapp-service/)
  const server = hosts.server("h1")
  expect((await server.containers()).map(({ image }) => image)).toEqual(["localhost:9270/myapp-service:v2"])
})

import { beforeAll, describe, expect, test } from "bun:test"
import { join } from "node:path"
import { done, outcomes, page } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { buildRegistryImage } from "./RegistryImage.ts"
import { until } from "../support/waiting.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  await buildRegistryImage(hosts.operator, join(hosts.folder, "registry-image"), "registry:test")
})

const registries = [
  ["jiji's own server", { type: "local", port: 9271 }],
  ["a container", { type: "local", port: 9272, engine: "container", image: "registry:test" }]
] as const

const write = (registry: Record<string, unknown>, text: string, name = "shop") =>
  writeProject(hosts, {
    name,
    image: { page: text },
    config: { builder: { registry }, services: { web: { health: { running_for: "0s" } } } }
  })
const pages = () => Promise.all(hosts.servers.map((server) => page(hosts, server)))

/** Whether the first server listens on the port that is forwarded to the registry while a deploy runs. */
const forwarded = async (port: number) => {
  const listeners = await hosts.servers[0]?.listeners()
  return listeners?.some((each) => each.port === port) === true
}

for (const [name, registry] of registries) {
  describe(`the local registry is ${name}`, () => {
    test("docker and podman pull from it by digest, and only what is new", async () => {
      const first = done(await write(registry, `one of ${name}`).jiji(["deploy", "--version", "v1"]))
      expect(outcomes(first).map((line) => line.replace("replaced", "started"))).toEqual([
        "web h1: started",
        "web h2: started"
      ])
      expect(await pages()).toEqual([`one of ${name}`, `one of ${name}`])
      expect(outcomes(done(await write(registry, `one of ${name}`).jiji(["deploy", "--version", "v1"])))).toEqual([
        "web h1: unchanged",
        "web h2: unchanged"
      ])
      const second = done(await write(registry, `two of ${name}`).jiji(["deploy", "--version", "v2"]))
      expect(outcomes(second)).toEqual(["web h1: replaced", "web h2: replaced"])
      expect(await pages()).toEqual([`two of ${name}`, `two of ${name}`])
    })

    test("`registry status` lists its images", async () => {
      const { stdout } = done(await write(registry, "unused").jiji(["registry", "status"]))
      expect(stdout).toContain(`The registry of shop is local, on port ${registry.port}`)
      expect(stdout).toMatch(/^shop-web +v2 /m)
      expect(stdout).toMatch(/^shop-web +v1 /m)
    })

    test("a server can pull the deployed image from it with skopeo, but push nothing and pull no other image", async () => {
      const server = hosts.server("h1")
      // A container that never becomes healthy keeps the tunnel open.
      const project = writeProject(hosts, {
        name: "slow",
        image: { page: "slow", healthcheck: "fails" },
        config: {
          builder: { registry },
          services: { web: { hosts: ["h1"], ports: ["8090:80"], health: { timeout: "20s" } } }
        }
      })
      const running = project.start(["deploy", "--version", "v1"])
      await until(() => forwarded(registry.port), Boolean, { timeout: 60_000 })
      const at = `127.0.0.1:${registry.port}`
      const copy = (from: string, to: string) =>
        server.try([
          "skopeo",
          "--insecure-policy",
          "copy",
          "--src-tls-verify=false",
          "--dest-tls-verify=false",
          from,
          to
        ])
      const pulled = await copy(`docker://${at}/slow-web:v1`, "dir:/tmp/pulled")
      const other = await copy(`docker://${at}/shop-web:v2`, "dir:/tmp/other")
      const pushed = await copy("dir:/tmp/pulled", `docker://${at}/slow-web:v2`)
      running.killGroup("SIGINT")
      const { code } = await running.done
      await server.run(["rm", "-rf", "/tmp/pulled", "/tmp/other"])
      expect([pulled.code, pulled.stderr]).toEqual([0, ""])
      expect(other.code).not.toBe(0)
      expect(pushed.code).not.toBe(0)
      expect(pushed.stderr).toContain("read-only")
      expect(code).toBe(130)
    })
  })
}

describe("a registry in a container", () => {
  const [, [, registry]] = registries
  const docker = (...words: ReadonlyArray<string>) => hosts.operator.run(["docker", ...words])
  const deploy = (changes: Record<string, unknown> = {}) => write({ ...registry, ...changes }, "three").jiji(["deploy"])

  test("listens on loopback only, and keeps its images in its own volume", async () => {
    expect(await docker("port", "jiji-registry")).toBe(`5000/tcp -> 127.0.0.1:${registry.port}`)
    expect(await docker("volume", "ls", "--quiet", "--filter", "name=jiji-registry")).toBe("jiji-registry")
  })

  test("is started again after it was stopped", async () => {
    const id = await docker("inspect", "--format", "{{.Id}}", "jiji-registry")
    await docker("stop", "--time", "0", "jiji-registry")
    expect(done(await deploy()).stdout).toContain("its container was started")
    expect(await docker("inspect", "--format", "{{.Id}}", "jiji-registry")).toBe(id)
  })

  test("is continued after it was paused", async () => {
    await docker("pause", "jiji-registry")
    expect(done(await deploy()).stdout).toContain("its container was started")
    expect(await docker("inspect", "--format", "{{.State.Status}}", "jiji-registry")).toBe("running")
  })

  test("is not used when deploy.yml asks for another port", async () => {
    const run = await deploy({ port: 9273 })
    expect(run.code).toBe(78)
    expect(run.stderr).toContain(
      `The registry's container jiji-registry uses port ${registry.port}, but deploy.yml sets port 9273.`
    )
  })

  test("is removed with its images", async () => {
    const removed = done(await write(registry, "three").jiji(["registry", "remove", "--yes"]))
    expect(removed.stdout).toBe("Removed the container jiji-registry and its images.\n")
    expect(await docker("ps", "--all", "--quiet", "--filter", "name=jiji-registry")).toBe("")
    expect(await docker("volume", "ls", "--quiet", "--filter", "name=jiji-registry")).toBe("")
    expect(done(await write(registry, "three").jiji(["registry", "remove", "--yes"])).stdout).toBe(
      "There is no container jiji-registry.\n"
    )
  })

  test("reports a port in use, and leaves no container behind", async () => {
    const listen = `Bun.listen({ hostname: "127.0.0.1", port: ${registry.port}, socket: { data() {} } })`
    const other = hosts.operator.start([process.execPath, "-e", listen])
    const ports = async () => (await hosts.operator.listeners()).map(({ port }) => port)
    await until(ports, (open) => open.includes(registry.port))
    const run = await deploy()
    other.kill("SIGKILL")
    await other.done
    expect(run.code).toBe(69)
    expect(run.stderr).toContain(`The registry cannot listen on port ${registry.port} of this machine`)
    expect(await docker("ps", "--all", "--quiet", "--filter", "name=jiji-registry")).toBe("")
  })

  test("is not confused with another container of the same name", async () => {
    await docker("create", "--name", "jiji-registry", "registry:test")
    for (const run of [await deploy(), await write(registry, "three").jiji(["registry", "remove", "--yes"])]) {
      expect(run.code).toBe(1)
      expect(run.stderr).toContain("This machine has a container jiji-registry that jiji did not create.")
    }
    await docker("rm", "jiji-registry")
  })
})

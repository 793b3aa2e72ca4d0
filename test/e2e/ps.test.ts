import { beforeAll, expect, test } from "bun:test"
import { Schema } from "effect"
import { PsReport } from "../../src/steps/PsPipeline.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })

const write = (web: Record<string, unknown> = {}, more: Record<string, unknown> = {}): TestProject =>
  writeProject(hosts, {
    name: "shop",
    image: { page: "one", healthcheck: "passes" },
    config: { services: { web: { health: { running_for: "0s" }, ...web }, ...more } }
  })

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(PsReport), { onExcessProperty: "error" })

const ps = async (project: TestProject, ...args: ReadonlyArray<string>) => {
  const { code, stderr, stdout } = await project.jiji(["ps", "--json", ...args])
  return { code, stderr, servers: decode(stdout).servers }
}

let project: TestProject
beforeAll(async () => {
  project = write()
})

test("shows services that are not deployed", async () => {
  const { code, stderr, stdout } = await project.jiji(["ps"])
  expect({ code, stderr, stdout: stdout.split("\n").map((line) => line.replaceAll(/ {2,}/g, "  ")) }).toMatchObject({
    code: 0,
    stderr: "",
    stdout: [
      expect.stringMatching(/^SERVER {2}SERVICE {2}VERSION {2}.*STATE/),
      expect.stringMatching(/^h1 {2}web {2}- {2}.*not deployed/),
      expect.stringMatching(/^h2 {2}web {2}- {2}.*not deployed/),
      ""
    ]
  })
})

test("shows what runs, since when, who deployed it and with which run", async () => {
  const deployed = await project.jiji(["deploy", "--version", "v1"])
  expect(deployed.code).toBe(0)
  const run = /run (\S+)$/m.exec(deployed.stdout)?.[1]
  const { code, servers, stderr } = await ps(project, "--stats")
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  for (const [index, { services, unknown }] of servers.entries()) {
    expect(unknown).toEqual([])
    expect(services).toMatchObject([{ name: "web", replicas: 1, differs: [] }])
    expect(services[0]?.containers).toMatchObject([
      {
        name: "shop-web",
        service: "web",
        state: "running",
        version: "v1",
        ports: ["8080:80"],
        restarts: 0,
        run,
        by: expect.stringMatching(/^root@/),
        cpu: expect.any(Number),
        memory: expect.any(Number),
        ...(index === 0 && { health: "healthy" })
      }
    ])
  }
  expect(servers.map(({ engine }) => engine?.split(" ")[0])).toEqual(["docker", "podman"])
  const { stdout } = await project.jiji(["ps", "-H", "h1"])
  expect(stdout).toMatch(/^h1 +web +v1 +\S+ +running, healthy +\d+ s +0 +8080:80 +\d+ s ago +root@\S+ +\S+\n$/m)
})

test("the labels of who deployed do not change the configuration", async () => {
  const again = await project.jiji(["deploy", "--version", "v1"], { env: { USER: "someone" } })
  expect(again.stdout).toMatch(/web +h1 +v1 +\S+ +unchanged/)
})

test("says what differs from deploy.yml, which containers it does not have, and what does not run", async () => {
  const changed = write(
    { environment: { clear: { LOG: "debug" } }, ports: ["8081:80"] },
    { api: { image: "redis:7", hosts: ["h1"] } }
  )
  await hosts
    .server("h1")
    .run([
      "docker",
      "create",
      "--name",
      "shop-old",
      "--label",
      "jiji.project=shop",
      "--label",
      "jiji.service=old",
      (await hosts.server("h1").images()).find((name) => name.includes("shop-web")) ?? ""
    ])
  await hosts.server("h2").run(["podman", "stop", "shop-web"])
  const { code, servers } = await ps(changed)
  expect(code).toBe(0)
  const [h1, h2] = servers
  expect(h1?.services).toMatchObject([
    { name: "web", replicas: 1, differs: ["ports", "environment: LOG"] },
    { name: "api", replicas: 0, differs: ["not deployed"], containers: [] }
  ])
  expect(h1?.unknown).toMatchObject([{ name: "shop-old", service: "old", state: "stopped" }])
  expect(h2?.services).toMatchObject([
    { replicas: 0, differs: ["stopped", "ports", "environment: LOG"], containers: [{ state: "stopped" }] }
  ])

  const { stdout } = await changed.jiji(["ps"])
  expect(stdout).toContain("web on h1 differs from deploy.yml: ports; environment: LOG. To update it: jiji deploy\n")
  expect(stdout).toContain("To remove it: jiji remove old -H h1\n")
  // Another service is not unknown just because it was not asked for.
  const { servers: some } = await ps(changed, "web")
  expect(some.map(({ services, unknown }) => [services.length, unknown.length])).toEqual([
    [1, 0],
    [1, 0]
  ])
  await hosts.server("h1").run(["docker", "rm", "shop-old"])
  write()
})

test("shows the other servers if one cannot be reached, and exits with 69", async () => {
  await hosts.server("h2").stopSshd()
  const { code, servers, stderr } = await ps(project)
  expect(code).toBe(69)
  expect(stderr).toStartWith("error: h2 (10.99.0.12) cannot be reached")
  expect(servers.map(({ error, services }) => [services.length, error?.message.slice(0, 15)])).toEqual([
    [1, undefined],
    [0, "h2 (10.99.0.12)"]
  ])
  await hosts.server("h2").startSshd()
})

test("--watch shows changes until it is interrupted", async () => {
  const watching = project.start(["ps", "--watch", "-H", "h1"])
  await watching.waitFor("running")
  await hosts.server("h1").run(["docker", "stop", "shop-web"])
  await watching.waitFor("stopped (0)")
  watching.kill("SIGINT")
  expect((await watching.done).code).toBe(130)
})

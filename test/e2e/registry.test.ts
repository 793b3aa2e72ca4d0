import { beforeAll, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { buildImage } from "./Image.ts"
import { quietTraces, containersOf, done, outcomes, page, table, traces, type Traces } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { startRegistry } from "./Registry.ts"
import { until } from "../support/waiting.ts"
import { withHosts } from "./withHosts.ts"

let address: string
let quiet: Traces
const password = "p4ss $word\"'"
const env = { REGISTRY_PASSWORD: password }

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  address = await startRegistry(hosts, { on: hosts.operator, username: "me", password })
  quiet = await quietTraces(hosts)
})

const write = (page: string, services: Record<string, unknown> = {}, server = address) =>
  writeProject(hosts, {
    name: "shop",
    image: { page },
    config: {
      builder: { registry: { type: "remote", server, username: "me", password: "REGISTRY_PASSWORD" } },
      services: { web: { health: { running_for: "0s" } }, ...services }
    }
  })
const pages = (port = 8080) => Promise.all(hosts.servers.map((server) => page(hosts, server, port)))

test("a wrong password fails the deploy before anything is built", async () => {
  const run = await write("one").jiji(["deploy"], { env: { REGISTRY_PASSWORD: "wrong-password" } })
  expect(run.code).toBe(77)
  expect(run.stderr).toContain(`The registry requires a valid login for ${address} on this machine`)
  expect(run.stderr).toContain("  → Check `username` and `password` under `builder.registry`")
  expect(run.stdout + run.stderr).not.toContain("wrong-password")
  expect(run.stdout).not.toContain("build")
  expect(await hosts.operator.images()).toEqual([])
  for (const server of hosts.servers) expect(await server.containers()).toEqual([])
})

test("reports an unreachable registry", async () => {
  const run = await write("one", {}, "10.99.0.2:5999").jiji(["deploy"], { env })
  expect(run.code).toBe(69)
  expect(run.stderr).toContain("The registry of 10.99.0.2:5999 cannot be reached from this machine")
  expect(run.stderr).toContain("  → Check the registry's address")
})

test("pushes and pulls an image by digest, and leaves no login on the servers", async () => {
  const run = done(await write("one").jiji(["deploy", "--version", "v1"], { env }))
  expect(await pages()).toEqual(["one", "one"])
  expect(run.stdout + run.stderr).not.toContain(password)
  const [row] = table(run)
  for (const server of hosts.servers) {
    expect((await containersOf(server, "shop")).map(({ image }) => image)).toEqual([`${address}/shop-web:v1`])
    const digest = await server.run([
      server.engine,
      "inspect",
      "--format",
      '{{index .Config.Labels "jiji.digest"}}',
      "shop-web"
    ])
    expect(digest).toStartWith(`sha256:${row?.["DIGEST"]}`)
    expect(
      await until(
        () => traces(hosts, server),
        (now) => Bun.deepEquals(now, quiet[server.name])
      )
    ).toBeDefined()
    // The login was only for the pull. The engine has none now.
    expect((await server.try([server.engine, "pull", `${address}/shop-web:v1`])).code).not.toBe(0)
  }
})

test("redeploying the same version changes nothing, and a changed page replaces the containers", async () => {
  expect(outcomes(done(await write("one").jiji(["deploy", "--version", "v1"], { env })))).toEqual([
    "web h1: unchanged",
    "web h2: unchanged"
  ])
  expect(outcomes(done(await write("two").jiji(["deploy"], { env })))).toEqual(["web h1: replaced", "web h2: replaced"])
  expect(await pages()).toEqual(["two", "two"])
})

/** Builds an image on the operator and pushes it as `latest`. */
const publish = async (page: string) => {
  await buildImage(hosts.operator, { name: `${address}/ready:latest`, page })
  // The login of a deploy ends with it.
  const login = ["docker", "login", "--username", "me", "--password-stdin", address]
  await hosts.operator.run(login, { stdin: password })
  await hosts.operator.run(["docker", "push", `${address}/ready:latest`])
}

test("a service with `image` is not built, and follows its tag", async () => {
  await publish("ready one")
  const services = { ready: { image: `${address}/ready:latest`, hosts: ["h1", "h2"], ports: ["8081:80"] } }
  const first = done(await write("two", services).jiji(["deploy", "-S", "ready"], { env }))
  expect(first.stdout).not.toContain("build")
  expect(outcomes(first)).toEqual(["ready h1: started", "ready h2: started"])
  expect(await pages(8081)).toEqual(["ready one", "ready one"])
  const again = done(await write("two", services).jiji(["deploy"], { env }))
  expect(outcomes(again)).toEqual([
    "ready h1: unchanged",
    "ready h2: unchanged",
    "web h1: unchanged",
    "web h2: unchanged"
  ])
  await publish("ready two")
  const moved = done(await write("two", services).jiji(["deploy", "-S", "ready"], { env }))
  expect(outcomes(moved)).toEqual(["ready h1: replaced", "ready h2: replaced"])
  expect(await pages(8081)).toEqual(["ready two", "ready two"])
})

test("pulls an image from another registry with the server's own login", async () => {
  const project = writeProject(hosts, { name: "own", image: { page: "unused" } })
  const file = join(project.root, ".jiji/deploy.yml")
  const text = await Bun.file(file).text()
  writeFileSync(
    file,
    text.replace(/build:\n +context: \.\/web/, `image: ${address}/ready:latest`).replace("8080:80", "8082:80")
  )
  const refused = await project.jiji(["deploy"])
  expect(refused.code).toBe(77)
  expect(refused.stderr).toContain(`The registry requires a valid login for ${address}/ready:latest on h1`)
  for (const server of hosts.servers) {
    const login = [server.engine, "login", "--username", "me", "--password-stdin", address]
    await server.run(login, { stdin: password })
  }
  expect(outcomes(done(await project.jiji(["deploy"])))).toEqual(["web h1: started", "web h2: started"])
  expect(await pages(8082)).toEqual(["ready two", "ready two"])
  for (const server of hosts.servers) {
    // The server's own login is still there.
    done(await server.try([server.engine, "pull", `${address}/ready:latest`]))
  }
})

import { beforeAll, expect, test } from "bun:test"
import { cpSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { quietTraces, containersOf, done, outcomes, page, type Traces, untilQuiet } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { until } from "../support/waiting.ts"
import { withHosts } from "./withHosts.ts"

let quiet: Traces

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  quiet = await quietTraces(hosts)
})

const project = (name: string, port: number, megabytes?: number) =>
  writeProject(hosts, {
    name,
    image: { page: name, ...(megabytes === undefined ? {} : { megabytes }) },
    config: { services: { web: { ports: [`${port}:80`], health: { running_for: "0s" } } } }
  })

const pages = (port: number) => Promise.all(hosts.servers.map((server) => page(hosts, server, port)))
const names = (project: string) =>
  Promise.all(hosts.servers.map(async (server) => (await containersOf(server, project)).map(({ name }) => name)))
const nothingIsLeft = () => untilQuiet(hosts, quiet)

test("transfers a single layer of 100 MB to every server", async () => {
  const before = hosts.servers.map((server) => server.receivedBytes())
  done(await project("big", 8080, 100).jiji(["deploy"]))
  expect(await pages(8080)).toEqual(["big", "big"])
  for (const [index, server] of hosts.servers.entries()) {
    expect(server.receivedBytes() - (before[index] ?? 0)).toBeGreaterThan(100 << 20)
  }
})

test("uses another port when 9270 is in use here and on the servers, and leaves no extra image name", async () => {
  const squat = ["busybox", "httpd", "-f", "-p", "127.0.0.1:9270"]
  const machines = [hosts.operator, ...hosts.servers]
  const squatters = machines.map((machine) => machine.start(squat))
  for (const machine of machines) {
    await until(
      () => machine.listeners(),
      (all) => all.some(({ port }) => port === 9270)
    )
  }
  const taken = project("taken", 8081)
  const run = done(await taken.jiji(["deploy", "--version", "v1"]))
  for (const { name } of hosts.servers) expect(run.stdout).toContain(`port 9270 is taken on ${name}`)
  expect(outcomes(done(await taken.jiji(["deploy", "--version", "v1"])))).toEqual([
    "web h1: unchanged",
    "web h2: unchanged"
  ])
  for (const squatter of squatters) squatter.kill("SIGKILL")
  await Promise.all(squatters.map((squatter) => squatter.done))
  expect(await pages(8081)).toEqual(["taken", "taken"])
  for (const server of hosts.servers) {
    const all = await server.run([
      server.engine,
      "images",
      "--all",
      "--digests",
      "--format",
      "{{.Repository}}:{{.Tag}}"
    ])
    expect(all.split("\n").filter((name) => !name.startsWith("localhost:9270/big-web:"))).toEqual([
      "localhost:9270/taken-web:v1"
    ])
  }
  await nothingIsLeft()
})

test("two projects can be deployed to the same servers at the same time", async () => {
  const runs = await Promise.all(
    [project("left", 8082, 8), project("right", 8083, 8)].map((each) => each.jiji(["deploy"]))
  )
  for (const run of runs) expect(outcomes(done(run))).toEqual(["web h1: started", "web h2: started"])
  expect(await pages(8082)).toEqual(["left", "left"])
  expect(await pages(8083)).toEqual(["right", "right"])
  for (const server of hosts.servers) {
    for (const image of await server.images()) expect(image).toMatch(/^localhost:9270\//)
  }
  await nothingIsLeft()
})

test("deploying the same project twice at the same time leaves one container per server, from one of the two", async () => {
  const mine = project("same", 8084)
  done(await mine.jiji(["deploy"]))
  const theirs = join(hosts.folder, "same-theirs")
  cpSync(mine.root, theirs, { recursive: true })
  writeFileSync(join(mine.root, "web/index.html"), "mine")
  writeFileSync(join(theirs, "web/index.html"), "theirs")
  const both = ["deploy", "--wait", "2m"]
  const runs = await Promise.all([mine.jiji(both), mine.jiji(both, { cwd: theirs })])
  for (const run of runs) done(run)
  expect(await names("same")).toEqual([["same-web"], ["same-web"]])
  for (const got of await pages(8084)) expect(["mine", "theirs"]).toContain(got)
  // And once more without a second deploy.
  done(await mine.jiji(["deploy"]))
  expect(await pages(8084)).toEqual(["mine", "mine"])
  await nothingIsLeft()
})

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { appendFileSync } from "node:fs"
import { join } from "node:path"
import type { ServerHost } from "./Host.ts"
import { type Hosts, startHosts } from "./Hosts.ts"
import { allTraces, containersOf, done, outcomes, page } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { until } from "../support/waiting.ts"

setDefaultTimeout(120_000)

let hosts: Hosts
let h1: ServerHost
let h2: ServerHost
let quiet: Awaited<ReturnType<typeof allTraces>>

beforeAll(async () => {
  hosts = await startHosts({
    servers: [
      { name: "h1", engine: "docker" },
      { name: "h2", engine: "podman" }
    ]
  })
  h1 = hosts.server("h1")
  h2 = hosts.server("h2")
  quiet = await allTraces(hosts)
}, 120_000)
afterAll(() => hosts.close())

const write = (page: string, more: { readonly megabytes?: number; readonly server?: unknown } = {}): TestProject =>
  writeProject(hosts, {
    name: "shop",
    image: { page, ...(more.megabytes !== undefined && { megabytes: more.megabytes }) },
    config: {
      ...(more.server !== undefined && { servers: { h1: more.server } }),
      services: { web: { health: { running_for: "0s" } } }
    }
  })
const nothingIsLeft = () =>
  until(
    () => allTraces(hosts),
    (now) => Bun.deepEquals(now, quiet)
  )

test("SIGINT during a build ends the build too, and leaves nothing on any side", async () => {
  const project = write("one")
  appendFileSync(join(project.root, "web/Dockerfile"), 'RUN ["/bin/busybox", "sleep", "600"]\n')
  const run = project.start(["deploy"])
  const isBuilding = () => hosts.operator.containers()
  await until(isBuilding, (all) => all.some(({ state }) => state === "running"))
  const began = performance.now()
  run.kill("SIGINT")
  const ended = await run.done
  expect(performance.now() - began).toBeLessThan(4_000)
  expect(ended.code).toBe(130)
  expect(ended.stdout).toContain("interrupted after")
  expect(await until(isBuilding, (all) => all.length === 0)).toEqual([])
  await nothingIsLeft()
  for (const server of hosts.servers) expect(await server.containers()).toEqual([])
})

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s while a server is being connected to leaves no connection",
  async (signal) => {
    // So slow that the handshake is still at its beginning.
    const line = await hosts.slowLink({ to: "h1", delay: 3_000 })
    const own = await allTraces(hosts)
    const project = write("one", { server: { host: "127.0.0.1", port: line.port } })
    const run = project.start(["deploy"])
    await until(
      () => h1.processes(),
      (all) => all.some(({ words }) => /^sshd: .*\[(accepted|net|preauth)\]/.test(words.join(" ")))
    )
    const began = performance.now()
    run.kill(signal)
    const ended = await run.done
    expect(performance.now() - began).toBeLessThan(4_000)
    expect(ended.code).toBe(130)
    expect(
      await until(
        () => allTraces(hosts),
        (now) => Bun.deepEquals(now, own)
      )
    ).toEqual(own)
    await line.cut()
    await nothingIsLeft()
  }
)

test("a server that falls silent in the middle of a pull is given up when the keep-alive says so", async () => {
  done(await write("one").jiji(["deploy"]))
  const line = await hosts.slowLink({ to: "h1", delay: 5, bytesPerSecond: 4_000_000 })
  const project = write("two", { megabytes: 32, server: { host: "127.0.0.1", port: line.port } })
  const before = h1.receivedBytes()
  const run = hosts.operator.start([process.execPath, join(import.meta.dir, "impatient.ts")], { cwd: project.root })
  await until(() => h1.receivedBytes() - before > 4_000_000, Boolean)
  const began = performance.now()
  // Packets are dropped; nothing tells either side.
  await h1.unplug()
  await run.waitFor("The connection to h1 was lost")
  // Two questions that stay without an answer, a second each, and the one that was under way.
  expect(performance.now() - began).toBeLessThan(6_000)
  const ended = await run.done
  expect(ended.code).toBe(69)
  expect(ended.stderr).toContain("error: The connection to h1 was lost")
  expect(ended.stderr).toContain("run the same command again")
  expect(outcomes(ended)).toEqual(["web h1: failed", "web h2: replaced"])
  await h1.plug()
  await line.cut()
  await nothingIsLeft()
  expect(await page(hosts, h1)).toBe("one")
  expect(await page(hosts, h2)).toBe("two")
  expect((await containersOf(h1, "shop")).map(({ name }) => name)).toEqual(["shop-web"])
  expect(outcomes(done(await write("two").jiji(["deploy"])))).toEqual(["web h1: replaced", "web h2: replaced"])
})

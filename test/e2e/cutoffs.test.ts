import { beforeAll, expect, test } from "bun:test"
import { appendFileSync } from "node:fs"
import { join } from "node:path"
import type { ServerHost } from "./Host.ts"
import { allTraces, quietTraces, containersOf, done, outcomes, page, type Traces, untilQuiet } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { until } from "../support/waiting.ts"
import { withApiOnly, withHosts } from "./withHosts.ts"

let h1: ServerHost
let h2: ServerHost
let quiet: Traces

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  h1 = hosts.server("h1")
  h2 = hosts.server("h2")
  quiet = await quietTraces(hosts)
})

const write = (page: string, more: { readonly megabytes?: number; readonly server?: unknown } = {}): TestProject =>
  writeProject(hosts, {
    name: "shop",
    image: { page, ...(more.megabytes !== undefined && { megabytes: more.megabytes }) },
    config: {
      ...(more.server !== undefined && { servers: { h1: more.server } }),
      services: { web: { health: { running_for: "0s" } } }
    }
  })
const nothingIsLeft = () => untilQuiet(hosts, quiet)

withApiOnly(() => {
  test("SIGINT during a build stops the build and leaves nothing behind", async () => {
    const project = write("one")
    appendFileSync(join(project.root, "web/Dockerfile"), 'RUN ["/bin/busybox", "sleep", "600"]\n')
    const run = project.start(["deploy"])
    const isBuilding = () => hosts.operator.containers()
    await until(isBuilding, (all) => all.some(({ state }) => state === "running"))
    run.kill("SIGINT")
    const ended = await run.done
    expect(ended.code).toBe(130)
    expect(ended.stdout).toContain("interrupted after")
    expect(await until(isBuilding, (all) => all.length === 0)).toEqual([])
    await nothingIsLeft()
    for (const server of hosts.servers) expect(await server.containers()).toEqual([])
  })

  test.each(["SIGINT", "SIGTERM"] as const)(
    "%s while connecting to a server leaves no connection open",
    async (signal) => {
      // So slow that the handshake has only started.
      const line = await hosts.slowLink({ to: "h1", delay: 3_000 })
      const own = await allTraces(hosts)
      const project = write("one", { server: { host: "127.0.0.1", port: line.port } })
      const run = project.start(["deploy"])
      const handshakes = () =>
        h1.processes().filter(({ words }) => /^sshd: .*\[(accepted|net|preauth)\]/.test(words.join(" ")))
      await until(() => handshakes().length > 0)
      run.kill(signal)
      const ended = await run.done
      // The server does not know yet, so jiji did not wait for it.
      expect(handshakes()).not.toEqual([])
      expect(ended.code).toBe(130)
      expect(await untilQuiet(hosts, own)).toEqual({ new: [], gone: [] })
      await line.cut()
      await nothingIsLeft()
    }
  )
})

test("gives up a server that stops answering keep-alives in the middle of a pull", async () => {
  done(await write("one").jiji(["deploy"]))
  const line = await hosts.slowLink({ to: "h1", delay: 5, bytesPerSecond: 4_000_000 })
  const project = write("two", { megabytes: 32, server: { host: "127.0.0.1", port: line.port } })
  const before = h1.receivedBytes()
  const run = hosts.operator.start([process.execPath, join(import.meta.dir, "impatient.ts")], { cwd: project.root })
  await until(() => h1.receivedBytes() - before > 4_000_000, Boolean)
  // Packets are dropped without an error on either side.
  await h1.unplug()
  await run.waitFor("The connection to h1 was lost")
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

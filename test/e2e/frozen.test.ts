import { afterEach, expect, test } from "bun:test"
import { until } from "../support/waiting.ts"
import type { Host } from "./Host.ts"
import { hurry } from "./hurry.ts"
import { quietTraces, containersOf, done, page, untilQuiet } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { withApiOnly, withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker" })

let undo: ReadonlyArray<() => unknown> = []
afterEach(async () => {
  for (const each of undo) await each()
  undo = []
})

/** Freezes a host's engine until the test ends. */
const freeze = (host: Host) => {
  const dockerd = host.processes().find(({ words }) => words[0] === "/usr/sbin/dockerd")
  if (dockerd === undefined) throw new Error(`dockerd does not run on ${host.name}`)
  process.kill(dockerd.pid, "SIGSTOP")
  const thaw = () => process.kill(dockerd.pid, "SIGCONT")
  undo = [...undo, thaw]
  return thaw
}

const write = () => writeProject(hosts, { name: "shop", image: { page: crypto.randomUUID() } })

const { failedChecks, start } = hurry(hosts, write)

test("a deploy gives up a server with a frozen engine, doctor too, and both leave nothing behind", async () => {
  const h1 = hosts.server("h1")
  const quiet = await quietTraces(hosts)
  const thaw = freeze(h1)
  const deploy = await start(["deploy"]).done
  expect(deploy.code).toBe(69)
  const message = "Timed out on h1 after waiting 5 s for docker to answer."
  expect(deploy.stderr).toContain(`error: ${message}`)
  expect(deploy.stderr).toContain("`systemctl status docker`")
  expect(deploy.stdout).toContain("still waiting for docker to answer on h1 (0.8 s)")
  expect(await failedChecks("h1")).toEqual({ engine: message })
  thaw()
  expect(await untilQuiet(hosts, quiet)).toEqual({ new: [], gone: [] })
  done(await start(["deploy"]).done)
})

test("a deploy gives up an engine that freezes during a pull, and the old container stays", async () => {
  const h1 = hosts.server("h1")
  done(await start(["deploy"]).done)
  const before = await page(hosts, h1)
  // Slow enough that the pull is still running when docker freezes.
  const line = await hosts.slowLink({ to: "h1", delay: 5, bytesPerSecond: 4_000_000 })
  undo = [() => line.cut()]
  const project = writeProject(hosts, {
    name: "shop",
    image: { page: crypto.randomUUID(), megabytes: 32 },
    config: { servers: { h1: { host: "127.0.0.1", port: line.port } } }
  })
  const received = h1.receivedBytes()
  const run = start(["deploy"], project)
  await until(() => h1.receivedBytes() - received > 2_000_000)
  const thaw = freeze(h1)
  const ended = await run.done
  expect(ended.code).toBe(69)
  expect(ended.stdout).toMatch(/still waiting for docker to (pull|replace)/)
  expect(ended.stderr).toContain("error: Timed out on h1 after waiting 5 s for docker to answer.")
  thaw()
  expect(await page(hosts, h1)).toBe(before)
  expect((await containersOf(h1, "shop")).map(({ name }) => name)).toEqual(["shop-web"])
})

test("a deploy gives up an engine that freezes during a replacement, long before its health timeout", async () => {
  const h1 = hosts.server("h1")
  const health = { running_for: "10m", timeout: "1h" }
  const project = writeProject(hosts, {
    name: "slow",
    image: { page: crypto.randomUUID() },
    config: { services: { web: { ports: ["8081:80"], health } } }
  })
  const run = start(["deploy"], project)
  await until(
    () => containersOf(h1, "slow"),
    (all) => all.length > 0
  )
  const thaw = freeze(h1)
  const ended = await run.done
  expect(ended.code).toBe(69)
  expect(ended.stderr).toContain("error: Timed out on h1 after waiting 5 s for docker to answer.")
  expect(ended.stdout).not.toContain("still waiting for docker to replace")
  thaw()
})

withApiOnly(() => {
  test("a deploy gives up a frozen engine on this machine, doctor too", async () => {
    freeze(hosts.operator)
    const message = "Timed out on this machine after waiting 5 s for docker to answer."
    expect(await failedChecks("this machine")).toEqual({ engine: message })
    const deploy = await start(["deploy"]).done
    expect(deploy.code).toBe(69)
    expect(deploy.stdout).toContain("still waiting for docker to build web on this machine (no progress for 5 s)")
    expect(deploy.stderr).toContain(`error: ${message}`)
  })
})

import { kill } from "../support/processes.ts"
import { beforeAll, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Running } from "./Command.ts"
import type { ServerHost } from "./Host.ts"
import type { ImageOptions } from "./Image.ts"
import { quietTraces, containersOf, done, outcomes, page, type Traces, untilQuiet } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { interruptUntilExit, until } from "../support/waiting.ts"
import { withHosts } from "./withHosts.ts"

let quiet: Traces
let config: (settle: string) => Record<string, unknown>
let shop: TestProject

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  // Slow enough that the pull is still running when the signal arrives.
  const lines = await Promise.all(
    hosts.servers.map(({ name }) => hosts.slowLink({ to: name, delay: 5, bytesPerSecond: 2_000_000 }))
  )
  const [h1, h2] = lines.map(({ port }) => ({ host: "127.0.0.1", port }))
  const service = (settle: string) => ({ health: { running_for: settle } })
  config = (settle) => ({
    servers: { h1, h2 },
    services: {
      web: service(settle),
      data: {
        ...service(settle),
        build: { context: "./web" },
        hosts: ["h1", "h2"],
        ports: ["8081:80"],
        volumes: ["files:/data"]
      }
    }
  })
  shop = write({ page: "one" }, "0s")
  quiet = await quietTraces(hosts)
  done(await shop.jiji(["deploy"]))
})

const write = (image: ImageOptions, settle: string) =>
  writeProject(hosts, { name: "shop", image, config: config(settle) })
const state = () => Promise.all(hosts.servers.map((server) => containersOf(server, "shop")))
const nothingIsLeft = () => untilQuiet(hosts, quiet)
/** Docker pulls by itself when jiji uses its API; podman's pull is a process. */
const mayPull = (server: ServerHost) =>
  server.engine === "docker" || server.processes().some(({ words }) => words[1] === "pull")

/** Starts a deploy, and waits until both servers have received megabytes of their pull. */
const pulling = async (args: ReadonlyArray<string>): Promise<Running> => {
  const before = hosts.servers.map((server) => server.receivedBytes())
  const run = shop.start(args)
  for (const [index, server] of hosts.servers.entries()) {
    await until(() => mayPull(server) && server.receivedBytes() - (before[index] ?? 0) > 2_000_000, Boolean)
  }
  return run
}

/** Signals a run, and waits for its end. */
const signalled = (run: Running, signal: NodeJS.Signals) => {
  run.kill(signal)
  return run.done
}

test.each<[NodeJS.Signals, number]>([
  ["SIGINT", 130],
  ["SIGTERM", 130],
  ["SIGHUP", 130],
  ["SIGKILL", 137]
])("%s during a pull stops everything on every machine, and the old container keeps serving", async (signal, code) => {
  const before = await state()
  shop = write({ page: "two", megabytes: 16 }, "0s")
  const run = await pulling(["deploy", "-S", "web"])
  const ended = await signalled(run, signal)
  expect(ended.code).toBe(code)
  if (code === 130) {
    expect(ended.stdout).toContain("interrupted after")
    expect(outcomes(ended)).toEqual(["web h1: interrupted", "web h2: interrupted"])
    expect(ended.stderr).toContain("interrupted\n")
  }
  // A server that loses its connection cleans up by itself.
  await nothingIsLeft()
  expect(await state()).toEqual(before)
  for (const server of hosts.servers) expect(await page(hosts, server)).toBe("one")
})

test.each<[NodeJS.Signals, string, number]>([
  ["SIGINT", "web", 130],
  ["SIGTERM", "data", 130],
  ["SIGHUP", "web", 130],
  ["SIGKILL", "web", 137],
  ["SIGKILL", "data", 137]
])("%s while %s is being replaced leaves only the old container, still serving", async (signal, service, code) => {
  const before = await state()
  shop = write({ page: "three" }, "60s")
  const run = shop.start(["deploy", "-S", service])
  const made = service === "web" ? "shop-web-trial" : "shop-data-next"
  for (const server of hosts.servers) {
    await until(
      () => server.containers(),
      (all) => all.some(({ name, state }) => name === made && state === "running")
    )
  }
  const ended = await signalled(run, signal)
  expect(ended.code).toBe(code)
  expect(await until(state, (now) => Bun.deepEquals(now, before))).toEqual(before)
  await nothingIsLeft()
  for (const server of hosts.servers) {
    expect(
      await until(
        () => page(hosts, server, service === "web" ? 8080 : 8081),
        (got) => got === "one"
      )
    ).toBe("one")
  }
})

test("a second Ctrl-C exits immediately, even while a server does not answer", async () => {
  const before = await state()
  shop = write({ page: "two", megabytes: 16 }, "0s")
  const run = await pulling(["deploy", "-S", "web"])
  const h1 = hosts.server("h1")
  const sessions = h1.processes().filter(({ words }) => words[0]?.startsWith("sshd: root@") === true) ?? []
  for (const { pid } of sessions) process.kill(pid, "SIGSTOP")
  run.killGroup("SIGINT")
  await interruptUntilExit(() => run.kill("SIGINT"), run.done)
  expect(await run.done).toMatchObject({ code: 130, stderr: expect.stringContaining("exited immediately") })
  for (const { pid } of sessions) process.kill(pid, "SIGCONT")
  await nothingIsLeft()
  expect(await state()).toEqual(before)
})

test("a connection lost during a pull fails immediately, and the other server continues", async () => {
  shop = write({ page: "four", megabytes: 16 }, "0s")
  const run = await pulling(["deploy", "-S", "web"])
  const h1 = hosts.server("h1")
  const h2 = hosts.server("h2")
  for (const { pid, words } of h1.processes()) if (words[0]?.startsWith("sshd: root@") === true) kill(pid)
  await run.waitFor("FAILED: The connection to h1 was lost")
  expect(mayPull(h2)).toBe(true)
  const ended = await run.done
  expect(ended.code).toBe(69)
  expect(outcomes(ended)).toEqual(["web h1: failed", "web h2: replaced"])
  expect(ended.stderr).toContain("error: The connection to h1 was lost")
  expect(ended.stderr).toContain("run the same command again")
  await nothingIsLeft()
  expect(await page(hosts, h1)).toBe("one")
  expect(await page(hosts, h2)).toBe("four")
})

test("the next deploy finishes what all of these started", async () => {
  writeFileSync(join(shop.root, "web/index.html"), "five")
  expect(outcomes(done(await shop.jiji(["deploy"])))).toEqual([
    "data h1: replaced",
    "data h2: replaced",
    "web h1: replaced",
    "web h2: replaced"
  ])
  for (const server of hosts.servers) {
    expect(await page(hosts, server, 8080)).toBe("five")
    expect(await page(hosts, server, 8081)).toBe("five")
    expect((await containersOf(server, "shop")).map(({ name }) => name)).toEqual(["shop-data", "shop-web"])
  }
  await nothingIsLeft()
})

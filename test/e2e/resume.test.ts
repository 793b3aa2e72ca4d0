import { beforeAll, expect, test } from "bun:test"
import { until } from "../support/waiting.ts"
import type { ImageOptions } from "./Image.ts"
import { containersOf, done, page, quietTraces, type Traces, untilQuiet } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

let quiet: Traces
let shop: TestProject

const hosts = withHosts({ h1: "docker", h2: "podman" })

/** One server after the other: while h2 is being deployed to, h1 is done. */
const write = (image: ImageOptions, settle = "0s", ports = ["8080:80"]) =>
  writeProject(hosts, {
    name: "shop",
    image,
    config: { deploy: { strategy: "rolling" }, services: { web: { health: { running_for: settle }, ports } } }
  })

beforeAll(async () => {
  shop = write({ page: "one" })
  quiet = await quietTraces(hosts)
  done(await shop.jiji(["deploy", "--version", "v1"]))
})

const containersOn = (name: string) => containersOf(hosts.server(name), "shop")
const pages = (port?: number) => Promise.all(hosts.servers.map((server) => page(hosts, server, port)))

interface Run {
  readonly id: string
  readonly outcome: string
  readonly resumes?: string
}
const runs = async (): Promise<ReadonlyArray<Run>> =>
  done(await shop.jiji(["runs", "--json"]))
    .stdout.trim()
    .split("\n")
    .map((line) => JSON.parse(line))

/** Starts a deploy, and waits until the second server starts its new container. */
const halfway = async (version: string) => {
  const run = shop.start(["deploy", "--version", version])
  await until(
    () => hosts.server("h2").containers(),
    (all) => all.some(({ name, state }) => /^shop-web-(trial|next)$/.test(name) && state === "running")
  )
  return run
}

test("a killed deploy goes on with the server that was not done, once, and builds nothing again", async () => {
  shop = write({ page: "two" }, "10s")
  const run = await halfway("v2")
  const [{ id } = { id: "" }] = await runs()
  const early = await shop.jiji(["resume", id])
  expect([early.code, early.stderr]).toEqual([2, expect.stringContaining("it is still running")])
  run.kill("SIGKILL")
  await run.done
  await untilQuiet(hosts, quiet)
  const before = await containersOn("h1")
  expect(await pages()).toEqual(["two", "one"])
  // The run deploys the images that it has built, not what is in the folder now.
  shop.change({ page: "newer" })
  const both = await Promise.all([shop.jiji(["resume", id]), shop.jiji(["resume", id])])
  const [resumed, refused] = both[0]?.code === 0 ? both : both.toReversed()
  expect([refused?.code, refused?.stderr]).toEqual([2, expect.stringMatching(/is resuming it|was resumed before/)])
  const { stdout } = done(resumed ?? both[0])
  expect(stdout).toMatch(/ version: done before/)
  expect(stdout).toMatch(/ web build: done before/)
  expect(stdout).toMatch(/ web push: done before/)
  expect(stdout).toMatch(/ h1 web deploy: done before/)
  expect(stdout).not.toMatch(/ h2 web deploy: done before/)
  expect(stdout).toContain("4 steps were done before and did not run again")
  // Not touched: it has the same container.
  expect(await containersOn("h1")).toEqual(before)
  expect(await pages()).toEqual(["two", "two"])
  const [last, first] = await runs()
  expect([last?.outcome, last?.resumes, first?.id, first?.outcome]).toEqual(["succeeded", id, id, "lost"])
  await untilQuiet(hosts, quiet)
})

test("a server that somebody has changed meanwhile is deployed to again", async () => {
  shop = write({ page: "three" }, "10s")
  const run = await halfway("v3")
  run.kill("SIGKILL")
  await run.done
  await untilQuiet(hosts, quiet)
  const [{ id } = { id: "" }] = await runs()
  done(await shop.jiji(["rollback", "v2", "-H", "h1"]))
  expect(await pages()).toEqual(["two", "two"])
  const { stdout } = done(await shop.jiji(["resume", id]))
  expect(stdout).toMatch(/ web build: done before/)
  expect(stdout).not.toMatch(/ h1 web deploy: done before/)
  expect(await pages()).toEqual(["three", "three"])
})

test("a failed deploy goes on once its cause is repaired, but not with another configuration", async () => {
  shop = write({ page: "four" }, "0s", ["8082:80"])
  const server = hosts.server("h2")
  const listener = server.start(["busybox", "nc", "-l", "-p", "8082"])
  try {
    await until(
      () => server.listeners(),
      (all) => all.some(({ port }) => port === 8082)
    )
    const failed = await shop.jiji(["deploy", "--version", "v4"])
    expect(failed.stderr).toContain("A port that web publishes on h2 is already in use")
  } finally {
    listener.kill("SIGKILL")
    await listener.done
  }
  const before = await containersOn("h1")
  shop = write({ page: "four" }, "0s", ["8083:80"])
  const refused = await shop.jiji(["resume"])
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringContaining("the configuration (services.web.ports[0]) has changed")
  ])
  shop = write({ page: "four" }, "0s", ["8082:80"])
  const { stdout } = done(await shop.jiji(["resume"]))
  expect(stdout).toMatch(/ h1 web deploy: done before/)
  expect(await containersOn("h1")).toEqual(before)
  expect(await pages(8082)).toEqual(["four", "four"])
})

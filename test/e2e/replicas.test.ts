import { beforeAll, expect, test } from "bun:test"
import { kill } from "../support/processes.ts"
import { until } from "../support/waiting.ts"
import { containersOf, done, outcomes } from "./observe.ts"
import { load, openSocket as openSocketTo, proxyImage, writeProxied } from "./proxied.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker" })
beforeAll(() => buildProxyImage(hosts.operator, { name: proxyImage }))

const h1 = () => hosts.server("h1")

/** A web service with replicas, and one that keeps websockets. */
const write = (version: string, replicas: number, mark: string, drain = "3s") =>
  writeProxied(
    hosts,
    version,
    { replicas },
    {
      socket: {
        build: { context: "./web" },
        hosts: ["h1"],
        command: ["/bin/busybox", "nc", "-ll", "-p", "81", "-e", "/socket"],
        environment: { clear: { MARK: mark } },
        health: { running_for: "0s" },
        drain,
        proxy: { hosts: ["socket.test"], port: 81, tls: "off" }
      }
    }
  )

const names = async () => (await containersOf(h1(), "shop")).map(({ name, state }) => `${name} ${state}`)

const upFile = (name: string) => h1().run(["docker", "exec", "jiji-proxy", "cat", `/jiji/up/shop/${name}`])

const openSocket = () => openSocketTo(hosts, h1(), "socket.test")

test("replicas are replaced under load without a failed request", async () => {
  done(await write("v0", 2, "a").jiji(["deploy"]))
  expect(await names()).toEqual(["shop-socket running", "shop-web running", "shop-web-2 running"])
  const stop = load(hosts, h1())
  expect(outcomes(done(await write("v1", 2, "a").jiji(["deploy"])))).toContain("web h1: replaced")
  const { answered, failed } = await stop()
  expect(failed).toEqual([])
  for (const count of answered) expect(count).toBeGreaterThan(100)
})

test("when a replica is killed, only requests fail that it has already received", async () => {
  const stop = load(hosts, h1())
  const pid = await h1().run(["docker", "inspect", "--format", "{{.State.Pid}}", "shop-web-2"])
  await h1().run(["kill", "-9", pid])
  // The engine starts it again.
  await until(
    () => h1().run(["docker", "inspect", "--format", "{{.State.Running}} {{.RestartCount}}", "shop-web-2"]),
    (state) => state === "true 1"
  )
  const { answered, failed } = await stop()
  for (const count of answered) expect(count).toBeGreaterThan(10)
  const lost = failed.map((line) => Number(/Non-2xx or 3xx responses: (\d+)/.exec(line)?.[1]))
  // Each run of wrk has six connections.
  for (const count of lost) expect(count).toBeLessThanOrEqual(6)
})

test("a replica that is not wanted any more is removed", async () => {
  const run = done(await write("v1", 1, "a").jiji(["deploy"]))
  expect(outcomes(run)).toContain("web h1: replaced")
  expect(await names()).toEqual(["shop-socket running", "shop-web running"])
  expect(await h1().run(["docker", "exec", "jiji-proxy", "ls", "/jiji/up/shop"])).toBe("socket-1\nweb-1")
})

test("a websocket stays open until `drain` has passed", async () => {
  const socket = await openSocket()
  const before = await upFile("socket-1")
  const run = write("v1", 1, "b").start(["deploy"])
  await until(
    () => upFile("socket-1"),
    (now) => now !== before
  )
  const ticks = socket.output.length
  await until(() => socket.output.length > ticks + 20)
  expect(done(await run.done).stdout).toContain("the old container of socket still has open connections after 3 s: 1")
  expect((await socket.done).code).toBe(0)
})

test("Ctrl-C while the old container finishes its requests does not cut them off", async () => {
  const socket = await openSocket()
  const before = await upFile("socket-1")
  const run = write("v1", 1, "c", "60s").start(["deploy"])
  await until(
    () => upFile("socket-1"),
    (now) => now !== before
  )
  run.kill("SIGINT")
  await run.waitFor("h1: waiting for the requests of the old container of socket")
  const ticks = socket.output.length
  await until(() => socket.output.length > ticks + 20)
  socket.kill("SIGKILL")
  expect((await run.done).code).toBe(130)
  expect(await names()).toEqual(["shop-socket running", "shop-web running"])
})

test("a deploy that was killed at the switch is finished by the next one", async () => {
  const socket = await openSocket()
  const before = await upFile("socket-1")
  const project = write("v1", 1, "d", "60s")
  const run = project.start(["deploy"])
  const after = await until(
    () => upFile("socket-1"),
    (now) => now !== before
  )
  // A script may start a program between two looks.
  await until(() => {
    const scripts = h1()
      .processes()
      .filter(({ words }) => words.includes("name=shop-socket"))
    for (const { pid } of scripts) kill(pid)
    return scripts.length === 0
  }, Boolean)
  run.kill("SIGKILL")
  await run.done
  socket.kill("SIGKILL")
  expect(await names()).toContain("shop-socket-next running")
  expect(outcomes(done(await project.jiji(["deploy"])))).toContain("socket h1: unchanged")
  expect(await upFile("socket-1")).toBe(after)
  expect(await names()).toEqual(["shop-socket running", "shop-web running"])
})

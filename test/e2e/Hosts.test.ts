import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import type { Host } from "./Host.ts"
import { type Hosts, startHosts } from "./Hosts.ts"
import { buildImage } from "./Image.ts"
import { startRegistry } from "./Registry.ts"
import { until } from "../support/waiting.ts"

let hosts: Hosts

beforeAll(async () => {
  hosts = await startHosts({
    servers: [
      { name: "h1", engine: "docker" },
      { name: "h2", engine: "podman" }
    ]
  })
}, 120_000)
afterAll(() => hosts.close())

const ssh = (user: string, ip: string, command: string, ...options: ReadonlyArray<string>) => {
  const quiet = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
  return ["ssh", "-i", hosts.key, ...quiet.flatMap((option) => ["-o", option]), ...options, `${user}@${ip}`, command]
}

test("every server lets the key in, and is a machine of its own", async () => {
  for (const server of hosts.servers) {
    const seen = await hosts.operator.run(
      ssh("root", server.ip, `${server.engine} ps --all --quiet; hostname -I 2>/dev/null; ls -A /tmp`)
    )
    expect(seen).toContain(server.ip)
    expect(seen.split("\n")).toHaveLength(1)
    expect(await hosts.operator.run(ssh("deploy", server.ip, "id -un"))).toBe("deploy")
  }
})

test("nothing can leave: no namespace has a default route", async () => {
  for (const host of [hosts.operator, ...hosts.servers]) {
    expect(await host.run(["ip", "route", "show", "default"])).toBe("")
    expect((await host.run(["ip", "-o", "link", "show", "type", "veth"])).split("\n")).toHaveLength(1)
  }
})

test("a container of every engine serves its page to the other hosts", async () => {
  const archive = await buildImage(hosts.operator, { name: "page:1", page: "hello" })
  for (const server of hosts.servers) {
    await server.run([server.engine, "load"], { stdin: Bun.file(archive) })
    const image = (await server.images()).find((name) => name.endsWith("page:1")) ?? ""
    await server.run([server.engine, "run", "--detach", "--name", "page", "--publish", "8080:80", image])
    expect(await hosts.operator.run(["busybox", "wget", "-qO-", `http://${server.ip}:8080/`])).toBe("hello")
    expect((await server.containers()).map(({ name, state }) => [name, state])).toEqual([["page", "running"]])
    const stopped = await server.try([server.engine, "stop", "page"])
    expect(stopped.milliseconds).toBeLessThan(5_000)
  }
})

test("a real registry asks for a login, and every engine trusts it", async () => {
  const address = await startRegistry(hosts, { on: hosts.operator, username: "me", password: "p4ss word" })
  await buildImage(hosts.operator, { name: `${address}/page:1`, page: "pushed" })
  expect((await hosts.operator.try(["docker", "push", `${address}/page:1`])).code).toBe(1)
  const login = (host: Host) =>
    host.run([host.engine, "login", "--username", "me", "--password-stdin", address], { stdin: "p4ss word" })
  await login(hosts.operator)
  await hosts.operator.run(["docker", "push", `${address}/page:1`])
  for (const server of hosts.servers) {
    expect((await server.try([server.engine, "pull", `${address}/page:1`])).code).not.toBe(0)
    await login(server)
    await server.run([server.engine, "pull", `${address}/page:1`])
  }
})

test("sshd can be stopped, refuse forwarding, and change its key", async () => {
  const server = hosts.server("h1")
  const before = await server.knownHost()
  await server.stopSshd()
  expect((await hosts.operator.try(ssh("root", server.ip, "true"))).code).toBe(255)
  await server.startSshd({ AllowTcpForwarding: "no" })
  const forward = ssh("root", server.ip, "true", "-o", "ExitOnForwardFailure=yes", "-R", "9270:127.0.0.1:1")
  expect((await hosts.operator.try(forward)).code).toBe(255)
  await server.changeHostKey()
  expect(await server.knownHost()).not.toBe(before)
  await hosts.operator.run(ssh("root", server.ip, "true"))
})

test("a slow line keeps its delay and its pace", async () => {
  const server = hosts.server("h1")
  const line = await hosts.slowLink({ to: "h1", delay: 50, bytesPerSecond: 2_000_000 })
  const received = server.receivedBytes()
  const login = ["-p", `${line.port}`]
  const copied = await hosts.operator.try(ssh("root", "127.0.0.1", "wc -c", ...login), {
    stdin: new Blob([new Uint8Array(2_000_000)])
  })
  expect(copied.stdout.trim()).toBe("2000000")
  expect(copied.milliseconds).toBeGreaterThan(1_500)
  expect(server.receivedBytes() - received).toBeGreaterThan(2_000_000)
  const open = hosts.operator.start(ssh("root", "127.0.0.1", "echo open; cat", ...login), { stdin: new Blob(["x"]) })
  await open.waitFor("open")
  await line.cut()
  expect((await hosts.operator.try(ssh("root", "127.0.0.1", "true", ...login))).code).toBe(255)
})

test("a signal reaches the command, and its exit status comes back", async () => {
  const running = hosts.operator.start(["sh", "-c", "trap 'exit 7' INT; echo ready; while :; do sleep 0.1; done"])
  await running.waitFor("ready")
  running.kill("SIGINT")
  expect((await running.done).code).toBe(7)
  const killed = hosts.operator.start(["sh", "-c", "echo ready; exec sleep 60"])
  await killed.waitFor("ready")
  killed.kill("SIGKILL")
  expect((await killed.done).code).toBe(137)
  expect(hosts.operator.processes().filter(({ words }) => words.includes("60"))).toEqual([])
})

test("a killed test run leaves nothing behind", async () => {
  const program = `
    const { startHosts } = await import(${JSON.stringify(new URL("Hosts.ts", import.meta.url).href)})
    const hosts = await startHosts({ servers: [{ name: "h1", engine: "none" }] })
    console.log(hosts.folder)
    await new Promise(() => setInterval(() => {}, 1000))
  `
  const run = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" })
  const first = await run.stdout.getReader().read()
  const folder = new TextDecoder()
    .decode(first.value)
    .trim()
    .replace(/\/files$/, "")
  expect(existsSync(folder)).toBe(true)
  run.kill("SIGKILL")
  await until(() => !existsSync(folder))
})

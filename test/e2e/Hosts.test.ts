import { expect, test } from "bun:test"
import { existsSync } from "node:fs"
import type { Host } from "./Host.ts"
import { buildImage } from "./Image.ts"
import { page } from "./observe.ts"
import { startRegistry } from "./Registry.ts"
import { until } from "../support/waiting.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })

const ssh = (user: string, ip: string, command: string, ...options: ReadonlyArray<string>) => {
  const quiet = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
  return ["ssh", "-i", hosts.key, ...quiet.flatMap((option) => ["-o", option]), ...options, `${user}@${ip}`, command]
}

test("every server accepts the key and is isolated from the machine", async () => {
  for (const server of hosts.servers) {
    const seen = await hosts.operator.run(
      ssh("root", server.ip, `${server.engine} ps --all --quiet; hostname -I 2>/dev/null; ls -A /tmp`)
    )
    expect(seen).toContain(server.ip)
    expect(seen.split("\n")).toHaveLength(1)
    expect(await hosts.operator.run(ssh("deploy", server.ip, "id -un"))).toBe("deploy")
  }
})

test("no packet can leave: no namespace has a default route", async () => {
  for (const host of [hosts.operator, ...hosts.servers]) {
    expect(await host.run(["ip", "route", "show", "default"])).toBe("")
    expect((await host.run(["ip", "-o", "link", "show", "type", "veth"])).split("\n")).toHaveLength(1)
  }
})

test("containers of every engine serve their page to other hosts", async () => {
  const archive = await buildImage(hosts.operator, { name: "page:1", page: "hello" })
  for (const server of hosts.servers) {
    await server.run([server.engine, "load"], { stdin: Bun.file(archive) })
    const image = (await server.images()).find((name) => name.endsWith("page:1")) ?? ""
    await server.run([server.engine, "run", "--detach", "--name", "page", "--publish", "8080:80", image])
    // The server of the page may need a moment to listen.
    await until(
      () => page(hosts, server),
      (text) => text === "hello"
    )
    expect((await server.containers()).map(({ name, state }) => [name, state])).toEqual([["page", "running"]])
    await server.run([server.engine, "stop", "page"])
    // 137 if the engine had to kill it after ten seconds.
    expect(await server.run([server.engine, "inspect", "--format", "{{.State.ExitCode}}", "page"])).toBe("0")
  }
})

test("the registry requires a login, and every engine trusts its certificate", async () => {
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

test("sshd can be stopped, refuse forwarding and change its host key", async () => {
  const server = hosts.server("h1")
  const before = server.knownHost()
  await server.stopSshd()
  expect((await hosts.operator.try(ssh("root", server.ip, "true"))).code).toBe(255)
  await server.startSshd({ AllowTcpForwarding: "no" })
  const forward = ssh("root", server.ip, "true", "-o", "ExitOnForwardFailure=yes", "-R", "9270:127.0.0.1:1")
  expect((await hosts.operator.try(forward)).code).toBe(255)
  await server.changeHostKey()
  expect(server.knownHost()).not.toBe(before)
  await hosts.operator.run(ssh("root", server.ip, "true"))
})

test("a slow link delivers everything, later than the direct link does", async () => {
  const server = hosts.server("h1")
  const line = await hosts.slowLink({ to: "h1", delay: 50, bytesPerSecond: 2_000_000 })
  const login = ["-p", `${line.port}`]
  const bytes = new Blob([new Uint8Array(4_000_000)])
  const order: Array<string> = []
  const copy = async (name: string, words: ReadonlyArray<string>) => {
    expect(await hosts.operator.run(words, { stdin: bytes })).toBe("4000000")
    order.push(name)
  }
  const received = server.receivedBytes()
  const slow = copy("slow", ssh("root", "127.0.0.1", "wc -c", ...login))
  await until(() => server.receivedBytes() - received > 100_000)
  await copy("direct", ssh("root", server.ip, "wc -c"))
  await slow
  expect(order).toEqual(["direct", "slow"])
  expect(server.receivedBytes() - received).toBeGreaterThan(8_000_000)
  const open = hosts.operator.start(ssh("root", "127.0.0.1", "echo open; cat", ...login), { stdin: new Blob(["x"]) })
  await open.waitFor("open")
  await line.cut()
  expect((await hosts.operator.try(ssh("root", "127.0.0.1", "true", ...login))).code).toBe(255)
})

test("a signal reaches the command, and its exit code comes back", async () => {
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

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { appendFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { CommandOptions, Result } from "./Command.ts"
import type { ServerHost } from "./Host.ts"
import { type Hosts, startHosts } from "./Hosts.ts"
import { containersOf, done, outcomes, page } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { until } from "../support/waiting.ts"

setDefaultTimeout(120_000)

let hosts: Hosts
let h1: ServerHost
let h2: ServerHost
let before: Awaited<ReturnType<typeof state>>

beforeAll(async () => {
  hosts = await startHosts({
    servers: [
      { name: "h1", engine: "docker" },
      { name: "h2", engine: "docker" },
      { name: "h3", engine: "none" }
    ]
  })
  h1 = hosts.server("h1")
  h2 = hosts.server("h2")
  done(await write("one").jiji(["deploy"]))
  before = await state()
}, 120_000)
afterAll(() => hosts.close())

/** The project on h1 and h2, with a page of its own and `config` over its deploy.yml. */
const write = (page: string, config: Record<string, unknown> = {}): TestProject => {
  const project = writeProject(hosts, {
    name: "shop",
    image: { page },
    config: { services: { web: { hosts: ["h1", "h2"], health: { running_for: "0s" } } }, ...config }
  })
  return project
}
const state = () => Promise.all([h1, h2].map((server) => containersOf(server, "shop")))

/** Fails with this code, says this and what to do about it, and changes no container. */
const refused = (run: Result, code: number, sentence: string, remedy: string) => {
  expect({ code: run.code, stderr: run.stderr }).toEqual({ code, stderr: expect.stringContaining(sentence) as never })
  const line = run.stderr.split("\n").find((line) => line.startsWith("  → "))
  expect(line).toContain(remedy)
}
const nothingChanged = async () => expect(await state()).toEqual(before)

const deploy = (project: TestProject, options?: CommandOptions) => project.jiji(["deploy"], options)

test("a changed host key is refused, before anything is changed on any server", async () => {
  await h2.changeHostKey()
  const project = write("two")
  refused(await deploy(project), 77, "The host key of h2 (10.99.0.12) has changed", "ssh-keygen -R '10.99.0.12'")
  await nothingChanged()
  // As the remedy says.
  await hosts.operator.run(["ssh-keygen", "-R", h2.ip, "-f", join(project.root, "known_hosts")])
  rmSync(join(project.root, "known_hosts.old"))
})

test("a key that no server knows is refused", async () => {
  const key = join(hosts.folder, "stranger")
  await hosts.operator.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
  const project = write("two", { ssh: { keys: [key] } })
  refused(
    await deploy(project),
    77,
    "h1 (root@10.99.0.11): authentication failed; the server rejected",
    "authorized_keys"
  )
  await nothingChanged()
})

test("a server that cannot be reached ends it before anything is changed on another", async () => {
  await h2.stopSshd()
  refused(
    await deploy(write("two")),
    69,
    "h2 (10.99.0.12) cannot be reached",
    "Check that sshd is running on the server"
  )
  await h2.startSshd()
  await nothingChanged()
})

test("secrets that are missing are told all at once, before anything is done", async () => {
  const environment = { secrets: ["FIRST", "SECOND", "THIRD"] }
  const project = write("two", { services: { web: { hosts: ["h1", "h2"], environment } } })
  const run = await deploy(project, { env: { SECOND: "is there" } })
  refused(run, 78, "The secrets FIRST and THIRD are missing", ".env")
  expect(run.stdout).not.toContain("build")
  await nothingChanged()
})

test("a faulty deploy.yml is told with every fault's place, and a missing one too", async () => {
  const project = write("two", { services: { web: { hosts: ["h1", "h9"], prots: ["1:1"], retain: 0 } } })
  const run = await deploy(project)
  expect(run.code).toBe(78)
  for (const fault of ["h9", "prots", "retain"]) expect(run.stderr).toMatch(new RegExp(`deploy\\.yml:\\d+ .*${fault}`))
  refused(await deploy(project, { cwd: "/" }), 78, "There is no .jiji/deploy.yml in /", "-c FILE")
  await nothingChanged()
})

test("an image that does not build ends it with the builder's own words", async () => {
  const project = write("two")
  appendFileSync(join(project.root, "web/Dockerfile"), "COPY missing.txt /missing.txt\n")
  const run = await deploy(project)
  refused(run, 1, "The image of web failed to build", "Fix the error shown above")
  expect(run.stderr).toContain("missing.txt")
  await nothingChanged()
})

test("an engine that is missing or down on this machine is told as that", async () => {
  const bin = join(hosts.folder, "bin")
  await hosts.operator.run(["sh", "-c", `mkdir -p ${bin} && ln -s /bin/sh ${bin}`])
  const project = write("two")
  const words = ["env", `PATH=${bin}`, process.execPath, join(import.meta.dir, "../../src/main.ts"), "deploy"]
  const missing = await hosts.operator.try(words, { cwd: project.root })
  refused(missing, 69, "docker cannot be started on this machine: it is not installed", "Install docker")
  const down = await deploy(project, { env: { DOCKER_HOST: "unix:///run/nowhere.sock" } })
  refused(down, 69, "docker does not answer on this machine", "Start it on this machine")
  await nothingChanged()
})

test("a server without an engine ends it before anything is changed on another", async () => {
  const project = write("two", { services: { web: { hosts: ["h1", "h3"] } } })
  refused(await deploy(project), 69, "docker is not installed on h3", "Install docker on h3")
  await nothingChanged()
})

test("a user who may not use the engine is told so", async () => {
  const project = write("two", { ssh: { user: "deploy" } })
  refused(await deploy(project), 77, "The user may not use docker on h1", "usermod -aG docker")
  await nothingChanged()
})

test("an image for another processor is not started", async () => {
  await h1.run(["sh", "-c", "printf '#!/bin/sh\\necho aarch64\\n' >/run/uname && chmod +x /run/uname"])
  await h1.run(["mount", "--bind", "/run/uname", "/usr/bin/uname"])
  const run = await deploy(write("two"))
  await h1.run(["umount", "/usr/bin/uname"])
  refused(run, 1, "The image of web is built for amd64, but h1 is arm64", "Set `arch: arm64` for h1")
  expect(outcomes(run)).toEqual(["web h1: failed", "web h2: replaced"])
  expect(await page(hosts, h1)).toBe("one")
})

test("a server that forwards no port says how to allow it, and the others are deployed to", async () => {
  await h2.restartSshd({ AllowTcpForwarding: "no" })
  const run = await deploy(write("three"))
  refused(run, 77, "h2 refuses to forward port 9270", "Set `AllowTcpForwarding yes` in /etc/ssh/sshd_config")
  expect(outcomes(run)).toEqual(["- h2: failed", "web h1: replaced"])
  await h2.restartSshd()
  expect(await page(hosts, h2)).toBe("two")
  expect(outcomes(done(await deploy(write("three"))))).toEqual(["web h1: unchanged", "web h2: replaced"])
  before = await state()
})

test("a full disk on a server is told as that, leaves the old container serving, and is over once there is room", async () => {
  // Where the engine keeps what it downloads.
  await h1.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", "/var/lib/docker/tmp"])
  const project = writeProject(hosts, {
    name: "shop",
    image: { page: "four", megabytes: 8 },
    config: { services: { web: { hosts: ["h1", "h2"] } } }
  })
  const run = await deploy(project)
  refused(run, 1, "The disk is full on h1", "docker system df")
  expect(outcomes(run)).toEqual(["web h1: failed", "web h2: replaced"])
  expect(await page(hosts, h1)).toBe("three")
  await h1.run(["umount", "/var/lib/docker/tmp"])
  expect(outcomes(done(await deploy(project)))).toEqual(["web h1: replaced", "web h2: unchanged"])
  before = await state()
})

test("a container of somebody else that has the name is left alone", async () => {
  const image = (await h1.images())[0] ?? ""
  await h1.run(["docker", "run", "--detach", "--name", "other-web", image])
  const foreign = await containersOf(h1, "other")
  const project = writeProject(hosts, {
    name: "other",
    image: { page: "other" },
    config: { services: { web: { hosts: ["h1"], ports: ["8081:80"] } } }
  })
  refused(
    await deploy(project),
    1,
    "The container other-web on h1 does not belong to this project",
    "docker rename other-web"
  )
  expect(await containersOf(h1, "other")).toEqual(foreign)
})

test("a port that another program of the server has is told as that, and leaves no container", async () => {
  const squatter = h1.start(["busybox", "nc", "-l", "-p", "8082"])
  await until(
    () => h1.listeners(),
    (all) => all.some(({ port }) => port === 8082)
  )
  const project = writeProject(hosts, {
    name: "ports",
    image: { page: "ports" },
    config: { services: { web: { hosts: ["h1"], ports: ["8082:80"] } } }
  })
  refused(await deploy(project), 1, "A port that web publishes on h1 is already in use", "ss -ltnp")
  expect(await containersOf(h1, "ports")).toEqual([])
  squatter.kill("SIGKILL")
  await squatter.done
  expect(outcomes(done(await deploy(project)))).toEqual(["web h1: started"])
})

test("an engine that is down on a server ends it before anything is changed on another", async () => {
  const dockerd = h2.processes().find(({ words }) => words[0] === "/usr/sbin/dockerd")
  if (dockerd === undefined) throw new Error("dockerd runs on h2")
  process.kill(dockerd.pid, "SIGKILL")
  const there = await containersOf(h1, "shop")
  refused(await deploy(write("five")), 69, "docker does not answer on h2", "Start it on h2")
  expect(await containersOf(h1, "shop")).toEqual(there)
})

import { beforeAll, expect, test } from "bun:test"
import { appendFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { CommandOptions, Result } from "./Command.ts"
import type { ServerHost } from "./Host.ts"
import { containersOf, done, outcomes, page } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { until } from "../support/waiting.ts"
import { withHosts } from "./withHosts.ts"

let h1: ServerHost
let h2: ServerHost
let before: Awaited<ReturnType<typeof state>>

const hosts = withHosts({ h1: "docker", h2: "docker", h3: "none" })
beforeAll(async () => {
  h1 = hosts.server("h1")
  h2 = hosts.server("h2")
  done(await write("one").jiji(["deploy"]))
  before = await state()
})

/** Writes the project for h1 and h2 with a page, and with `config` merged into its deploy.yml. */
const write = (page: string, config: Record<string, unknown> = {}): TestProject => {
  const project = writeProject(hosts, {
    name: "shop",
    image: { page },
    config: { services: { web: { hosts: ["h1", "h2"], health: { running_for: "0s" } } }, ...config }
  })
  return project
}
const state = () => Promise.all([h1, h2].map((server) => containersOf(server, "shop")))

/** Expects a failure with this exit code, error and remedy. */
const refused = (run: Result, code: number, sentence: string, remedy: string) => {
  expect({ code: run.code, stderr: run.stderr }).toEqual({ code, stderr: expect.stringContaining(sentence) as never })
  const line = run.stderr.split("\n").find((line) => line.startsWith("  → "))
  expect(line).toContain(remedy)
}
const nothingChanged = async () => expect(await state()).toEqual(before)

const deploy = (project: TestProject, options?: CommandOptions) => project.jiji(["deploy"], options)

test("rejects a changed host key before it changes any server", async () => {
  await h2.changeHostKey()
  const project = write("two")
  refused(await deploy(project), 77, "The host key of h2 (10.99.0.12) has changed", "ssh-keygen -R '10.99.0.12'")
  await nothingChanged()
  // What the remedy suggests.
  await hosts.operator.run(["ssh-keygen", "-R", h2.ip, "-f", join(project.root, "known_hosts")])
  rmSync(join(project.root, "known_hosts.old"))
})

test("reports a key that no server accepts", async () => {
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

test("an unreachable server fails the deploy before any other server changes", async () => {
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

test("reports all missing secrets at once, before it does anything", async () => {
  const environment = { secrets: ["FIRST", "SECOND", "THIRD"] }
  const project = write("two", { services: { web: { hosts: ["h1", "h2"], environment } } })
  const run = await deploy(project, { env: { SECOND: "is there" } })
  refused(run, 78, "The secrets FIRST and THIRD are missing", ".env")
  expect(run.stdout).not.toContain("build")
  await nothingChanged()
})

test("reports the line of every mistake in deploy.yml, and a missing deploy.yml", async () => {
  const project = write("two", { services: { web: { hosts: ["h1", "h9"], prots: ["1:1"], retain: 0 } } })
  const run = await deploy(project)
  expect(run.code).toBe(78)
  for (const fault of ["h9", "prots", "retain"]) expect(run.stderr).toMatch(new RegExp(`deploy\\.yml:\\d+ .*${fault}`))
  refused(await deploy(project, { cwd: "/" }), 78, "There is no .jiji/deploy.yml in /", "-c FILE")
  await nothingChanged()
})

test("a failed build shows the builder's own output", async () => {
  const project = write("two")
  appendFileSync(join(project.root, "web/Dockerfile"), "COPY missing.txt /missing.txt\n")
  const run = await deploy(project)
  refused(run, 1, "The image of web failed to build", "Fix the error shown above")
  expect(run.stderr).toContain("missing.txt")
  await nothingChanged()
})

test("reports an engine that is missing or not running on this machine", async () => {
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

test("a server without an engine fails the deploy before any other server changes", async () => {
  const project = write("two", { services: { web: { hosts: ["h1", "h3"] } } })
  refused(await deploy(project), 69, "docker is not installed on h3", "Install docker on h3")
  await nothingChanged()
})

test("reports a user without access to the engine", async () => {
  const project = write("two", { ssh: { user: "deploy" } })
  refused(await deploy(project), 77, "The user may not use docker on h1", "usermod -aG docker")
  await nothingChanged()
})

test("does not start an image built for another processor", async () => {
  await h1.run(["sh", "-c", "printf '#!/bin/sh\\necho aarch64\\n' >/run/uname && chmod +x /run/uname"])
  await h1.run(["mount", "--bind", "/run/uname", "/usr/bin/uname"])
  const run = await deploy(write("two"))
  await h1.run(["umount", "/usr/bin/uname"])
  refused(run, 1, "The image of web is built for amd64, but h1 is arm64", "Set `arch: arm64` for h1")
  expect(outcomes(run)).toEqual(["web h1: failed", "web h2: replaced"])
  expect(await page(hosts, h1)).toBe("one")
})

test("explains how to allow forwarding when a server refuses it, and deploys to the others", async () => {
  await h2.restartSshd({ AllowTcpForwarding: "no" })
  const run = await deploy(write("three"))
  refused(run, 77, "h2 refuses to forward port 9270", "Set `AllowTcpForwarding yes` in /etc/ssh/sshd_config")
  expect(outcomes(run)).toEqual(["- h2: failed", "web h1: replaced"])
  await h2.restartSshd()
  expect(await page(hosts, h2)).toBe("two")
  expect(outcomes(done(await deploy(write("three"))))).toEqual(["web h1: unchanged", "web h2: replaced"])
  before = await state()
})

test("reports a full disk on a server, keeps the old container, and succeeds once there is room", async () => {
  // The engine's folder for downloads.
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

test("leaves another project's container of the same name alone", async () => {
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

test("reports a port in use on a server, and leaves no container behind", async () => {
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

test("an engine that is not running on a server fails the deploy before any other server changes", async () => {
  const dockerd = h2.processes().find(({ words }) => words[0] === "/usr/sbin/dockerd")
  if (dockerd === undefined) throw new Error("dockerd runs on h2")
  process.kill(dockerd.pid, "SIGKILL")
  const there = await containersOf(h1, "shop")
  refused(await deploy(write("five")), 69, "docker does not answer on h2", "Start it on h2")
  expect(await containersOf(h1, "shop")).toEqual(there)
})

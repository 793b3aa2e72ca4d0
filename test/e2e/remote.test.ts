import { afterEach, beforeAll, expect, test } from "bun:test"
import { join } from "node:path"
import type { Result } from "./Command.ts"
import type { Host, ServerHost } from "./Host.ts"
import { containersOf, done, outcomes, page, quietTraces, traces } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { type RemoteRegistry, startRemoteRegistry } from "./RemoteRegistry.ts"
import { until } from "../support/waiting.ts"
import { usesClient, withHosts } from "./withHosts.ts"

let registry: RemoteRegistry
let all: ReadonlyArray<Host>
const env = { TOKEN: "p4ss $word\"'" }
const wrong = { TOKEN: "wrong-password" }

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  registry = await startRemoteRegistry(hosts, { username: "me", password: env.TOKEN })
  all = [hosts.operator, ...hosts.servers]
})
afterEach(() => registry.repair())

const account = { username: "me", password: "TOKEN" }

const write = (server: string, page = "one", login: Record<string, unknown> = account) =>
  writeProject(hosts, {
    name: "shop",
    image: { page },
    config: {
      builder: { registry: { type: "remote", server, ...login } },
      services: { web: { health: { running_for: "0s" } } }
    }
  })

/** The file where an engine keeps its logins. Podman keeps root's in a folder that does not survive a reboot. */
const loginFile = (host: Host): string => {
  if (host.engine === "podman") return "/run/containers/0/auth.json"
  return host === hosts.operator ? join(hosts.home, ".docker/config.json") : "/root/.docker/config.json"
}

/** The registries that a host is logged in to, and the mode of its login file. */
const logins = async (host: Host): Promise<string> => {
  const { code, stdout } = await host.try(["sh", "-c", `stat -c %a "$1" && cat "$1"`, "sh", loginFile(host)])
  if (code !== 0) return "none"
  const [mode = "", ...json] = stdout.split("\n")
  // The engine wrote this file.
  const names = Object.keys((JSON.parse(json.join("\n")) as { readonly auths?: object }).auths ?? {})
  return names.length === 0 ? "none" : `${names.join(" ")} ${mode}`
}
const allLogins = () => Promise.all(all.map(logins))

/** The login and logout lines of a run, one for each machine. */
const lines = ({ stdout }: Result): ReadonlyArray<string> =>
  stdout
    .split("\n")
    .map((line) => line.replace(/^ +[\d.]+s +/, ""))
    .filter((line) => / log(in|out): (done|skipped|FAILED)/.test(line))
    .map((line) => line.replace(/ in [\d.]+ m?s$/, "").replace(/(FAILED).*/, "$1"))
    .toSorted()

for (const [server, name] of [
  ["ghcr.io", "ghcr.io"],
  ["registry-1.docker.io", "https://index.docker.io/v1/"],
  ["registry.example.com", "registry.example.com"]
] as const) {
  test(`${server}: a login stays on every machine until logout, readable by its user only`, async () => {
    const project = write(server)
    const login = done(await project.jiji(["registry", "login"], { env }))
    expect(lines(login)).toEqual(["h1 login: done", "h2 login: done", "local login: done"])
    expect(login.stdout).toEndWith(`Logged in to ${server} on this machine, h1 and h2.\n`)
    expect(await allLogins()).toEqual([`${name} 600`, `${name} 600`, `${name.replace(/^https:.*/, "docker.io")} 600`])
    const logout = done(await project.jiji(["registry", "logout"]))
    expect(logout.stdout).toEndWith(`Logged out of ${server} on this machine, h1 and h2.\n`)
    expect(await allLogins()).toEqual(["none", "none", "none"])
  })
}

test("--skip-local and --skip-remote skip machines, and a second logout does not fail", async () => {
  const project = write("ghcr.io")
  await hosts.server("h1").stopSshd()
  const here = done(await project.jiji(["registry", "login", "--skip-remote"], { env }))
  expect(lines(here)).toEqual(["local login: done"])
  expect(await allLogins()).toEqual(["ghcr.io 600", "none", "none"])
  await hosts.server("h1").startSshd()
  const there = done(await project.jiji(["registry", "logout", "--skip-local"]))
  // Docker succeeds even if there was no login.
  expect(lines(there)).toEqual(["h1 logout: done", "h2 logout: skipped: podman is not logged in"])
  expect(await allLogins()).toEqual(["ghcr.io 600", "none", "none"])
  done(await project.jiji(["registry", "logout", "--skip-remote"]))
  expect(await allLogins()).toEqual(["none", "none", "none"])
})

test("logs in to the other machines when one fails, and exits with that failure's code", async () => {
  const project = write("ghcr.io")
  await hosts.server("h1").stopSshd()
  const run = await project.jiji(["registry", "login"], { env })
  await hosts.server("h1").startSshd()
  expect(run.code).toBe(69)
  expect(lines(run)).toEqual(["h1 login: FAILED", "h2 login: done", "local login: done"])
  const refused = await project.jiji(["registry", "login"], { env: wrong })
  expect(refused.code).toBe(77)
  expect(lines(refused)).toEqual(["h1 login: FAILED", "h2 login: FAILED", "local login: FAILED"])
  expect(refused.stderr).toContain("https://github.com/settings/tokens")
  // A failed login does not remove an earlier one.
  expect(await allLogins()).toEqual(["ghcr.io 600", "none", "ghcr.io 600"])
  done(await project.jiji(["registry", "logout"]))
})

for (const [server, image] of [
  ["ghcr.io", "ghcr.io/me/shop/web:v1"],
  ["index.docker.io", "docker.io/me/shop-web:v1"]
] as const) {
  test(`${server}: a deploy pushes, pulls by digest, and leaves no login anywhere`, async () => {
    const quiet = await quietTraces(hosts)
    const before = all.map(({ name }) => quiet[name])
    const run = done(await write(server, server).jiji(["deploy", "--version", "v1"], { env }))
    expect(outcomes(run).map((line) => line.slice(0, 7))).toEqual(["web h1:", "web h2:"])
    for (const server of hosts.servers) {
      expect((await containersOf(server, "shop")).map(({ image }) => image.replace(/^me\//, "docker.io/me/"))).toEqual([
        image
      ])
    }
    expect(await Promise.all(hosts.servers.map((host) => page(hosts, host)))).toEqual([server, server])
    expect(await allLogins()).toEqual(["none", "none", "none"])
    const after = () => Promise.all(all.map((host) => traces(hosts, host)))
    await until(after, (now) => Bun.deepEquals(now, before))
    expect((await registry.requests()).some((line) => /GET .*\/manifests\/sha256:/.test(line))).toBe(true)
  })
}

test("pushes and pulls report their progress in bytes", async () => {
  const megabytes = 48
  const project = write("ghcr.io", "bytes")
  project.change({ page: "bytes", megabytes })
  // Of a layer that is transferred at once, docker may report nothing but the end.
  registry.breakDown({ on: "ghcr.io/.*/blobs/", bytesPerSecond: 24_000_000 })
  const { stdout } = done(await project.jiji(["deploy", "--json"], { env }))
  // test/e2e/events.test.ts checks these lines against the schema.
  const events = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Partial<Record<string, unknown>>)
  const whole = megabytes * 1024 * 1024
  for (const [path, label] of [
    ["deploy/images/services[web]/push", "pushed"],
    ["deploy/servers[h1]/services[web]/pull", "pulled"],
    ["deploy/servers[h2]/services[web]/pull", "pulled"]
  ]) {
    const ofStep = events.filter((event) => event["path"] === path)
    const told = ofStep.filter(({ _tag }) => _tag === "StepProgress")
    expect(new Set(told.map((event) => event["label"]))).toEqual(new Set([label]))
    const last = told.at(-1)
    expect(last?.["bytes"]).toBe(last?.["total"])
    // The program and the page are added, and engines round.
    expect(last?.["bytes"], JSON.stringify(ofStep)).toBeWithin(whole * 0.99, whole + 4_000_000)
    // No line contains the progress bars that engines draw.
    const lines = ofStep.filter(({ _tag }) => _tag === "StepOutput").map((event) => String(event["line"]))
    expect(lines.length).toBeGreaterThan(0)
    // oxlint-disable-next-line no-control-regex
    expect(lines.filter((line) => /[\u0000-\u001f]|\d[kM]?i?B/.test(line))).toEqual([])
  }
})

test("an invalid token fails the deploy before anything is built, even if nothing would be pushed", async () => {
  const images = await hosts.operator.images()
  const project = write("ghcr.io", "never built")
  for (const args of [["deploy"], ["deploy", "-H", "h1"]]) {
    const run = await project.jiji(args, { env: wrong })
    expect(run.code).toBe(77)
    expect(run.stderr).toContain("The registry requires a valid login for ghcr.io on this machine")
    expect(run.stdout).not.toMatch(/build|connect|retrying/)
  }
  expect(await hosts.operator.images()).toEqual(images)
})

test("uses and keeps the engines' own logins when deploy.yml has no password", async () => {
  const login = (host: Host) =>
    host.run([host.engine, "login", "--username", "me", "--password-stdin", "ghcr.io"], { stdin: env.TOKEN })
  const project = write("ghcr.io", "own login", { username: "me" })
  const refused = await project.jiji(["deploy"])
  expect(refused.code).toBe(77)
  expect(refused.stderr).toContain("→ Log in with `docker login ghcr.io` on this machine")
  await Promise.all(all.map(login))
  done(await project.jiji(["deploy"]))
  expect(await page(hosts, hosts.server("h1"))).toBe("own login")
  // A login from deploy.yml does not change them.
  done(await write("ghcr.io", "both").jiji(["deploy"], { env }))
  expect(await allLogins()).toEqual(["ghcr.io 600", "ghcr.io 600", "ghcr.io 600"])
  done(await project.jiji(["registry", "logout"]))
})

test("a registry without authentication needs no login", async () => {
  done(await write("open.example.com", "open", {}).jiji(["deploy"]))
  expect(await page(hosts, hosts.server("h2"))).toBe("open")
})

test("Ctrl-C during a push leaves no login behind", async () => {
  const before = (await quietTraces(hosts))[hosts.operator.name]
  const asked = (await registry.requests()).length
  registry.breakDown({ on: "^POST ghcr.io/.*/uploads/", stall: true })
  const run = write("ghcr.io", "interrupted").start(["deploy", "-H", "h1"], { env })
  await until(
    async () => (await registry.requests()).slice(asked),
    (lines) => lines.some((line) => line.startsWith("POST ghcr.io/"))
  )
  expect(hosts.operator.files(join(hosts.folder, "../tmp")).some((file) => file.endsWith("config.json"))).toBe(true)
  run.killGroup("SIGINT")
  expect((await run.done).code).toBe(130)
  await until(
    () => traces(hosts, hosts.operator),
    (now) => Bun.deepEquals(now, before)
  )
})

test("killing jiji during a pull leaves no login on the servers", async () => {
  const quiet = await quietTraces(hosts)
  const before = hosts.servers.map(({ name }) => quiet[name])
  const asked = (await registry.requests()).length
  registry.breakDown({ on: "^GET ghcr.io/.*/blobs/", stall: true })
  const run = write("ghcr.io", "killed").start(["deploy"], { env })
  await until(
    async () => (await registry.requests()).slice(asked),
    (lines) => lines.filter((line) => /^GET ghcr.io\/.*\/blobs\//.test(line)).length > 1
  )
  const hasLogin = async (host: ServerHost) => {
    const known = before[hosts.servers.indexOf(host)] ?? []
    return (await traces(hosts, host)).some(
      (line) => !known.includes(line) && /^file: .*\/(config|auth)\.json$/.test(line)
    )
  }
  await until(() => hasLogin(hosts.server("h2")))
  // With docker's API, jiji writes no login to the server at all.
  expect(await hasLogin(hosts.server("h1"))).toBe(usesClient)
  run.kill("SIGKILL")
  expect((await run.done).code).toBe(137)
  await until(
    () => Promise.all(hosts.servers.map((host) => traces(hosts, host))),
    (now) => Bun.deepEquals(now, before)
  )
})

import { beforeAll, expect, test } from "bun:test"
import { cpSync, existsSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { quietTraces, containersOf, done, page, table, type Traces, untilQuiet } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { usesClient, withApiOnly, withHosts } from "./withHosts.ts"

let shop: TestProject
let quiet: Traces

const hosts = withHosts({ h1: "docker", h2: "docker", h3: "podman" })
beforeAll(async () => {
  quiet = await quietTraces(hosts)
  const config = { services: { web: { health: { running_for: "0s" } } } }
  shop = writeProject(hosts, { name: "shop", image: { page: "one", megabytes: 30 }, config })
})

const pages = () => Promise.all(hosts.servers.map((server) => page(hosts, server)))
const ids = async (project = "shop") =>
  (await Promise.all(hosts.servers.map((server) => containersOf(server, project)))).flat().map(({ id }) => id)

/** Runs leave only containers, the store and known_hosts. */
const nothingIsLeft = () => untilQuiet(hosts, quiet)

test("a first deploy serves the page from every server, on docker and on podman", async () => {
  const before = hosts.servers.map((server) => server.receivedBytes())
  const run = await shop.jiji(["deploy"])
  expect(run).toMatchObject({ code: 0, stderr: "" })
  expect(await pages()).toEqual(["one", "one", "one"])
  const version = /version: ([0-9a-f]{12})\n/.exec(run.stdout)?.[1] ?? "none"
  for (const [index, server] of hosts.servers.entries()) {
    expect(server.receivedBytes() - (before[index] ?? 0)).toBeGreaterThan(30_000_000)
    const [container, ...others] = await containersOf(server, "shop")
    expect(others).toEqual([])
    expect(container).toMatchObject({ name: "shop-web", state: "running", image: `localhost:9270/shop-web:${version}` })
    expect(await server.images()).toEqual([`localhost:9270/shop-web:${version}`])
  }
  const rows: unknown = table(run).toSorted((a, b) => (a["SERVER"] ?? "").localeCompare(b["SERVER"] ?? ""))
  const row = {
    SERVICE: "web",
    VERSION: version,
    DIGEST: expect.stringMatching(/^[0-9a-f]{12}$/),
    OUTCOME: "started",
    TIME: expect.stringMatching(/^\d+(\.\d+)? m?s$/)
  }
  expect(rows).toEqual(["h1", "h2", "h3"].map((server) => ({ ...row, SERVER: server })))
  await nothingIsLeft()
})

test("uses docker's API where sshd forwards Unix sockets, and docker's client elsewhere", async () => {
  const found = done(await shop.jiji(["doctor", "-H", "h1"])).stdout.replaceAll(/\s+/g, " ")
  expect(found).toMatch(
    usesClient ? /by its client: sshd does not forward Unix sockets/ : /docker [\d.+a-z]+ \(API 1\.\d+\)/
  )
})

test("a changed page transfers only its own layer", async () => {
  const before = hosts.servers.map((server) => server.receivedBytes())
  writeFileSync(join(shop.root, "web/index.html"), "two")
  const run = done(await shop.jiji(["deploy"]))
  expect(await pages()).toEqual(["two", "two", "two"])
  expect(table(run).map(({ OUTCOME }) => OUTCOME)).toEqual(["replaced", "replaced", "replaced"])
  for (const [index, server] of hosts.servers.entries()) {
    expect(server.receivedBytes() - (before[index] ?? 0)).toBeLessThan(1_000_000)
    expect((await containersOf(server, "shop")).map(({ name }) => name)).toEqual(["shop-web"])
  }
  // What is new in the local registry: the page's layer, the image's configuration and its manifest.
  const added = /push: (\S+) (k?B) of 3\d MB new/.exec(run.stdout)
  expect(added).not.toBeNull()
})

test("redeploying the same version changes nothing, and says so", async () => {
  const before = await ids()
  const run = await shop.jiji(["deploy"])
  expect(run).toMatchObject({ code: 0, stderr: "" })
  expect(table(run).map(({ OUTCOME }) => OUTCOME)).toEqual(["unchanged", "unchanged", "unchanged"])
  expect(await ids()).toEqual(before)
  await nothingIsLeft()
})

withApiOnly(() => {
  test("deploys several services, each to its own servers", async () => {
    const project = writeProject(hosts, {
      name: "several",
      image: { page: "several" },
      config: {
        services: {
          web: { hosts: ["h1", "h3"], ports: ["8090:80"] },
          api: { build: { context: "./web", args: { UNUSED: 1 } }, hosts: ["h1", "h2"], ports: ["8091:80"] },
          worker: { build: { context: "./web" }, hosts: ["h3"], command: ["/bin/busybox", "sleep", "1000"] }
        }
      }
    })
    const run = done(await project.jiji(["deploy"]))
    expect(
      table(run)
        .map(({ SERVICE, SERVER }) => `${SERVICE} ${SERVER}`)
        .sort()
    ).toEqual(["api h1", "api h2", "web h1", "web h3", "worker h3"])
    const [h1, h2, h3] = await Promise.all(hosts.servers.map((server) => containersOf(server, "several")))
    expect(h1?.map(({ name }) => name)).toEqual(["several-api", "several-web"])
    expect(h2?.map(({ name }) => name)).toEqual(["several-api"])
    expect(h3?.map(({ name }) => name)).toEqual(["several-web", "several-worker"])
    expect(await page(hosts, hosts.server("h1"), 8090)).toBe("several")
    expect(await page(hosts, hosts.server("h2"), 8091)).toBe("several")
    expect(await hosts.server("h3").run(["podman", "exec", "several-worker", "/bin/busybox", "ps"])).toContain(
      "sleep 1000"
    )
  })

  test("selects servers and services by pattern, and rejects a pattern that matches nothing", async () => {
    writeFileSync(join(shop.root, "web/index.html"), "three")
    const some = done(await shop.jiji(["deploy", "-H", "h[12]", "-S", "w*"]))
    expect(
      table(some)
        .map(({ SERVER }) => SERVER)
        .sort()
    ).toEqual(["h1", "h2"])
    expect(await pages()).toEqual(["three", "three", "two"])
    const before = await ids()
    const nobody = await shop.jiji(["deploy", "-H", "web*"])
    expect(nobody).toMatchObject({ code: 2, stdout: "" })
    expect(nobody.stderr).toContain('No server matches "web*"; deploy.yml has h1, h2 and h3.')
    const nothing = await shop.jiji(["deploy", "-S", "wbe"])
    expect(nothing).toMatchObject({ code: 2, stdout: "" })
    expect(nothing.stderr).toContain("Did you mean `-S web`?")
    expect((await shop.jiji(["deploy", "--nonsense"])).code).toBe(2)
    expect(await ids()).toEqual(before)
  })

  test("merges the environment's file on top of deploy.yml, and rejects an unknown environment", async () => {
    writeFileSync(
      join(shop.root, ".jiji/deploy.staging.yml"),
      "services:\n  web:\n    hosts: [h3]\n    ports: ['8095:80']\n"
    )
    const run = done(await shop.jiji(["deploy", "-e", "staging"]))
    expect(table(run)).toMatchObject([{ SERVER: "h3", OUTCOME: "replaced" }])
    expect(await page(hosts, hosts.server("h3"), 8095)).toBe("three")
    const missing = await shop.jiji(["deploy", "-e", "stagin"])
    expect(missing).toMatchObject({ code: 78, stdout: "" })
    expect(missing.stderr).toContain("Did you mean `-e staging`?")
  })

  test("reads the file given with -c from any folder, and tags the image with --version", async () => {
    const elsewhere = join(hosts.folder, "elsewhere/.jiji")
    cpSync(join(shop.root, ".jiji"), elsewhere, { recursive: true })
    cpSync(join(shop.root, "web"), join(hosts.folder, "elsewhere/web"), { recursive: true })
    renameSync(join(elsewhere, "deploy.yml"), join(elsewhere, "other.yml"))
    writeFileSync(join(elsewhere, "../web/index.html"), "four")
    const run = await shop.jiji(["deploy", "-c", join(elsewhere, "other.yml"), "--version", "v1.2.3", "-H", "h1"], {
      cwd: "/"
    })
    expect(run.code).toBe(0)
    expect(table(run)).toMatchObject([{ SERVER: "h1", VERSION: "v1.2.3" }])
    expect(await hosts.server("h1").images()).toContain("localhost:9270/shop-web:v1.2.3")
    expect(await page(hosts, hosts.server("h1"))).toBe("four")
    const bad = await shop.jiji(["deploy", "--version", "not a tag"])
    expect(bad.code).toBe(2)
    expect(bad.stderr).toContain("→")
  })
})

/** Every file below a folder, with its size and its change times. */
const files = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => {
      const { ctimeMs, mtimeMs, size } = statSync(join(folder, name))
      return [name, `${size} ${mtimeMs} ${ctimeMs}`]
    })
  )

withApiOnly(() => {
  test("a dry run connects to nothing, needs no engine, changes no file, and prints every command without secrets", async () => {
    const project = writeProject(hosts, {
      name: "rehearsal",
      image: { page: "never" },
      config: { services: { web: { environment: { clear: { LOG: "info" }, secrets: ["TOKEN"] } } } }
    })
    writeFileSync(join(project.root, ".env"), "TOKEN=hunter2hunter2\n", { mode: 0o600 })
    for (const server of hosts.servers) await server.stopSshd()
    const home = () => files(join(hosts.home, ".local"))
    const before = { project: files(project.root), home: home(), containers: await ids() }
    const run = await project.jiji(["deploy", "--dry-run"], { env: { DOCKER_HOST: "unix:///nowhere" } })
    for (const server of hosts.servers) await server.startSshd()
    expect(run).toMatchObject({ code: 0, stderr: "" })
    expect({ project: files(project.root), home: home(), containers: await ids() }).toEqual(before)
    expect(existsSync(join(project.root, "known_hosts"))).toBe(false)
    for (const { ip, name } of hosts.servers) expect(run.stdout).toContain(`on ${name} (root@${ip}):`)
    for (const command of [
      "docker build",
      "docker save",
      "docker ps --all",
      "docker pull",
      "docker create",
      "# forward"
    ]) {
      expect(run.stdout).toContain(command)
    }
    expect(run.stdout).toContain("LOG=info")
    expect(run.stdout).toContain("TOKEN")
    expect(run.stdout).not.toContain("hunter2")
    for (const script of ["probe", "pull", "replace"]) {
      expect((await project.jiji(["script", script])).stdout).toContain("set -u")
    }
  })
})

test("leaves nothing behind after a failure, and shows which server failed", async () => {
  const h1 = hosts.server("h1")
  await h1.run([
    "docker",
    "run",
    "--detach",
    "--name",
    "squatter",
    "--publish",
    "8099:80",
    (await h1.images())[0] ?? ""
  ])
  const before = await ids()
  const project = writeProject(hosts, {
    name: "partly",
    image: { page: "partly" },
    config: { services: { web: { ports: ["8099:80"] } } }
  })
  const run = await project.jiji(["deploy"])
  expect(run.code).toBe(1)
  const done = Object.fromEntries(table(run).map(({ SERVER = "", OUTCOME }) => [SERVER, OUTCOME]))
  expect(done).toEqual({ h1: "failed", h2: "started", h3: "started" })
  expect(run.stderr).toContain("A port that web publishes on h1 is already in use")
  expect(run.stderr).toContain("ss -ltnp")
  await h1.run(["docker", "rm", "--force", "squatter"])
  expect(await ids()).toEqual(before)
  await nothingIsLeft()
  expect(
    table(await project.jiji(["deploy"]))
      .map(({ SERVER, OUTCOME }) => `${SERVER} ${OUTCOME}`)
      .sort()
  ).toEqual(["h1 started", "h2 unchanged", "h3 unchanged"])
})

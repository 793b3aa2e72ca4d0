import { beforeAll, expect, test } from "bun:test"
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { parse, stringify } from "yaml"
import { until } from "../support/waiting.ts"
import type { ServerHost } from "./Host.ts"
import { containersOf, done, outcomes } from "./observe.ts"
import { load, proxyImage } from "./proxied.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { withHosts } from "./withHosts.ts"

const main = join(import.meta.dir, "../../src/main.ts")
const example = join(import.meta.dir, "../../examples/shop")
const redis = join(import.meta.dir, "../../.tools/redis/usr")
const name = "shop.example.com"

const hosts = withHosts({ web1: "docker", web2: "podman" })
let root: string
beforeAll(async () => {
  root = join(hosts.folder, "shop")
  cpSync(example, root, { recursive: true })
  await Promise.all([buildProxyImage(hosts.operator, { name: proxyImage }), standInForBun()])
  await writeRedis()
  writeEnvironment()
})

/** Writes a context with a program and its libraries, a shell, and a link to it for each other program. */
const writePrograms = async (folder: string, program: string, env: Readonly<Record<string, string>> = {}) => {
  mkdirSync(join(folder, "lib"), { recursive: true })
  const libraries = (await hosts.operator.run(["ldd", program], { env })).match(/\/\S+(?= \()/g) ?? []
  for (const path of libraries) cpSync(path, join(folder, "lib", basename(path)), { dereference: true })
  cpSync(program, join(folder, "program"), { dereference: true })
  cpSync("/bin/busybox", join(folder, "sh"))
  const loader = libraries.find((path) => path.includes("/ld-linux"))
  return [
    "FROM scratch",
    "COPY lib /lib",
    ...(loader === undefined ? [] : [`COPY lib/${basename(loader)} ${loader}`]),
    "ENV LD_LIBRARY_PATH=/lib PATH=/bin",
    "COPY sh /bin/sh"
  ]
}

/** Builds a minimal image in place of the app's base image, which cannot be pulled here. */
const standInForBun = async () => {
  const folder = join(hosts.folder, "bun")
  const lines = await writePrograms(folder, process.execPath)
  writeFileSync(join(folder, "Dockerfile"), [...lines, "COPY program /bin/bun", ""].join("\n"))
  await hosts.operator.run([hosts.operator.engine, "build", "--tag", "oven/bun:1", folder])
}

/** Writes the context of an image in place of the database's. Like that one, it lets other containers connect. */
const writeRedis = async () => {
  const folder = join(root, "redis")
  const env = { LD_LIBRARY_PATH: join(redis, "lib/x86_64-linux-gnu") }
  const lines = await writePrograms(folder, join(redis, "bin/redis-server"), env)
  const entry = '#!/bin/sh\nshift\nexec /bin/redis-server "$@" --protected-mode no\n'
  writeFileSync(join(folder, "entry"), entry, { mode: 0o755 })
  const more = ["COPY program /bin/redis-server", "COPY entry /bin/entry", "WORKDIR /data", 'ENTRYPOINT ["/bin/entry"]']
  writeFileSync(join(folder, "Dockerfile"), [...lines, ...more, ""].join("\n"))
}

/** Writes the environment `test`: the README's two servers at the addresses here, and images that need no download. */
const writeEnvironment = () => {
  const readme = readFileSync(join(root, "README.md"), "utf8")
  const [web1, web2] = hosts.servers.map(({ ip }) => ip)
  const yaml = /```yaml\n([^`]*)```/.exec(readme)?.[1] ?? ""
  const addresses = { "203.0.113.10": web1, "203.0.113.11": web2, "10.0.0.1": web1 }
  const here = Object.entries(addresses).reduce((text, [from, to]) => text.replaceAll(from, to ?? ""), yaml)
  const { servers, services } = parse(here)
  const config = {
    builder: { engine: hosts.operator.engine },
    ssh: { user: "root", keys: [hosts.key], known_hosts: join(root, "known_hosts") },
    proxy: { image: proxyImage, email: null },
    servers,
    services: {
      ...services,
      web: { ...services.web, proxy: { tls: "off" } },
      db: { ...services.db, image: null, build: { context: "redis" } }
    }
  }
  writeFileSync(join(root, ".jiji/deploy.test.yml"), stringify(config))
}

/** Changes a file of the app. */
const change = (file: string, from: string, to: string) => {
  const path = join(root, file)
  const text = readFileSync(path, "utf8")
  expect(text).toContain(from)
  writeFileSync(path, text.replace(from, to))
}

const jiji = (...args: ReadonlyArray<string>) =>
  hosts.operator.start([process.execPath, main, ...args, "-e", "test"], { cwd: root }).done

/** What a server's proxy answers. */
const fetched = async (server: ServerHost, path: string, ...words: ReadonlyArray<string>) => {
  const curl = ["curl", "--silent", "--show-error", "--max-time", "20", "--header", `Host: ${name}`, ...words]
  const { stderr, stdout } = await hosts.operator.try([...curl, `http://${server.ip}${path}`])
  return `${stdout}${stderr}`
}
const pages = () => Promise.all(hosts.servers.map((server) => fetched(server, "/")))

/** Waits until the pages of both servers contain all texts. */
const bothShow = (...texts: ReadonlyArray<string>) =>
  until(pages, (all) => all.every((page) => texts.every((text) => page.includes(text))))

const running = async () =>
  Promise.all(
    hosts.servers.map(async (server) =>
      (await containersOf(server, "shop")).map(({ name, state }) => `${name.slice("shop-".length)} ${state}`)
    )
  )

/** How often a line appears. */
const times = (text: string, part: string) => text.split(part).length - 1

test("the first deploy migrates once, and web, worker and database work together", async () => {
  const commands = readFileSync(join(root, "README.md"), "utf8").match(/^jiji .*$/gm) ?? []
  const [doctor = [], deploy = [], ps = [], logs = []] = commands.map((line) =>
    line.replace(/ +#.*/, "").split(" ").slice(1)
  )
  done(await jiji(...doctor))
  const run = done(await jiji(...deploy))
  expect(outcomes(run)).toEqual(["db web1: started", "web web1: started", "web web2: started", "worker web1: started"])
  expect(times(run.stdout, "release 1: 2 of 2 migrations were new")).toBe(1)
  expect(run.stdout).not.toContain("release 2")
  expect(await running()).toEqual([
    ["db running", "web running", "web-2 running", "worker running"],
    ["web running", "web-2 running"]
  ])
  await bothShow("<h1>Tea</h1>", "0 ordered, 0 shipped", "Release 1")
  for (const [index, server] of hosts.servers.entries()) {
    const number = index + 1
    expect(await fetched(server, "/orders", "--request", "POST")).toBe(`Thank you. Your order is number ${number}.\n`)
  }
  await bothShow("2 ordered, 2 shipped")
  await until(
    async () => done(await jiji(...logs)).stdout,
    (lines) => /shipped order 1\n.*shipped order 2\n/.test(lines)
  )
  const { stdout } = done(await jiji(...ps))
  expect(times(stdout, " running ")).toBe(6)
  expect(stdout).not.toContain("differs")
})

test("a redeploy migrates once, fails no request, and keeps the data", async () => {
  change("web.ts", "<p>", "<p>New: ")
  change("migrate.ts", 'db.set("ordered", "0")]', 'db.set("ordered", "0"), () => db.set("product", "Coffee")]')
  const stops = hosts.servers.map((server) => load(hosts, server, name))
  const run = done(await jiji("deploy"))
  for (const stop of stops) {
    const { answered, failed } = await stop()
    expect(failed).toEqual([])
    for (const count of answered) expect(count).toBeGreaterThan(100)
  }
  expect(outcomes(run)).toEqual([
    "db web1: unchanged",
    "web web1: replaced",
    "web web2: replaced",
    "worker web1: replaced"
  ])
  expect(times(run.stdout, "release 2: 1 of 3 migrations were new")).toBe(1)
  expect(run.stdout).not.toContain("release 3")
  await bothShow("<h1>Coffee</h1>", "<p>New: 2 ordered, 2 shipped", "Release 2")
})

test("a new database container finds its data in the volume", async () => {
  change(".jiji/deploy.yml", "volumes: [", 'environment: { clear: { CHANGED: "yes" } }\n    volumes: [')
  const run = done(await jiji("deploy"))
  expect(outcomes(run)).toContain("db web1: replaced")
  expect(run.stdout).not.toContain("migrations were new")
  await bothShow("<h1>Coffee</h1>", "2 ordered, 2 shipped", "Release 2")
})

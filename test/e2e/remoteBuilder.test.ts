import { beforeAll, describe, expect, test } from "bun:test"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { until } from "../support/waiting.ts"
import { commandLines } from "../support/processes.ts"
import { writeProject } from "./Project.ts"
import type { ServerHost } from "./Host.ts"
import { done, outcomes, page, quietTraces, type Traces, untilQuiet } from "./observe.ts"
import { startRegistry } from "./Registry.ts"
import { withHosts } from "./withHosts.ts"

/** The operator has no engine: a remote builder needs none there. */
const hosts = withHosts({ h1: "docker", p1: "podman" }, "none")
const login = { username: "me", password: "secret-word" }
const secret = "the-secret-of-the-build"
const source = "the-source-of-the-build"
let registry: string
let quiet: Traces

beforeAll(async () => {
  registry = await startRegistry(hosts, { on: hosts.operator, ...login })
  quiet = await quietTraces(hosts)
})

interface Options {
  readonly name: string
  readonly port: number
  /** The lines of the Dockerfile that make /www. */
  readonly lines: ReadonlyArray<string>
  readonly builder: Record<string, unknown>
  readonly build?: Record<string, unknown>
  readonly servers?: Record<string, unknown>
}

/** Writes a project that another machine builds, for the server h1. */
const write = ({ build = {}, builder, lines, name, port, servers = {} }: Options) => {
  const web = { build, hosts: ["h1"], ports: [`${port}:80`], health: { running_for: "0s" } }
  const config = { builder: { local: undefined, ...builder }, servers, services: { web } }
  const project = writeProject(hosts, { name, image: { page: "" }, config })
  const serve = `CMD ["/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; httpd -f -p 80 -h /www & wait"]`
  const text = ["FROM scratch", "COPY busybox /bin/busybox", "COPY busybox /bin/sh", ...lines, serve, ""].join("\n")
  writeFileSync(join(project.root, "web/Dockerfile"), text)
  return project
}

const remote = { type: "remote", server: "", username: login.username, password: "REGISTRY_PASSWORD" }
/** Buildx keeps a file for each build. */
const nothingIsLeft = async () => {
  await hosts.server("h1").run(["rm", "-rf", "/root/.docker/buildx/refs"])
  await untilQuiet(hosts, quiet)
}
const files = () => hosts.servers.map((host) => host.run(["find", "/var/tmp", "-mindepth", "1", "-name", "jiji-*"]))

test("a builder that is no server builds for servers, without an engine here", async () => {
  const { ip } = hosts.server("p1")
  const builder = { engine: "podman", remote: `ssh://root@${ip}` }
  const project = write({ name: "far", port: 8090, lines: ["COPY . /www"], builder, servers: { p1: undefined } })
  const context = join(project.root, "web")
  mkdirSync(join(context, "node_modules/left"), { recursive: true })
  writeFileSync(join(context, "node_modules/left/pad.js"), "left")
  writeFileSync(join(context, ".dockerignore"), "node_modules\n")
  writeFileSync(join(context, "index.html"), "built far away")
  const deploy = async () => outcomes(done(await project.jiji(["deploy"])))
  expect(await deploy()).toEqual(["web h1: started"])
  expect(await page(hosts, hosts.server("h1"), 8090)).toBe("built far away")
  expect(await deploy()).toEqual(["web h1: unchanged"])
  expect(await hosts.server("h1").run(["docker", "exec", "far-web", "/bin/busybox", "ls", "/www"])).not.toContain(
    "node_"
  )
  expect(await Promise.all(files())).toEqual(["", ""])
  await hosts.server("h1").run(["docker", "rm", "--force", "far-web"])
  await nothingIsLeft()
})

/** The processes of a build's step. */
const sleeping = (seconds: string) => commandLines().filter((line) => line === `/bin/busybox\0sleep\0${seconds}\0`)

/** Containers, and those that podman has for a build. */
const allContainers = (host: ServerHost) =>
  host.run([host.engine, "ps", "--all", "--quiet", ...(host.engine === "podman" ? ["--external"] : [])])

let builds = 0

/** Starts a build on a server, looks there at its files as another user, and signals jiji. */
const interrupted = async (engine: "docker" | "podman", signal: NodeJS.Signals, hasSecret: boolean) => {
  const host = hosts.servers.find((each) => each.engine === engine)
  if (host === undefined) throw new Error(`no server has ${engine}`)
  const before = await allContainers(host)
  builds++
  const seconds = `300${builds}`
  const mount = hasSecret ? "--mount=type=secret,id=NPM_TOKEN " : ""
  const project = write({
    name: `read${builds}`,
    port: 8092,
    lines: ["COPY . /src", `RUN ${mount}/bin/busybox sleep ${seconds}`],
    build: hasSecret ? { secrets: ["NPM_TOKEN"] } : {},
    builder: { engine, remote: host.name }
  })
  writeFileSync(join(project.root, "web/source"), source, { mode: 0o666 })
  const run = project.start(["deploy"], { env: { NPM_TOKEN: secret } })
  await Promise.race([until(() => sleeping(seconds).length > 0), run.done.then(done)])

  const folders = ["/var/tmp", "/tmp", "/run", "/root", "/var/lib/docker", "/var/lib/containers"]
  const search = ["grep", "-rlsE", `${source}|${secret}`, ...folders]
  // It is there, so that the search by another user means something.
  expect((await host.try(search)).stdout).toMatch(/jiji-build-.*source/)
  const others = await host.try(["setpriv", "--reuid=2000", "--regid=2000", "--clear-groups", ...search])
  expect(others.stdout).toBe("")

  run.kill(signal)
  expect((await run.done).code).toBe(signal === "SIGKILL" ? 137 : 130)
  await until(() => sleeping(seconds).length === 0)
  await until(
    async () => ({ files: await Promise.all(files()), containers: await allContainers(host) }),
    (now) => now.containers === before && now.files.join("") === ""
  )
  await nothingIsLeft()
}

test("while docker without buildx builds on another machine, nobody else can read its source there", () =>
  interrupted("docker", "SIGINT", false))

describe("a server that builds, and pushes to a remote registry with the project's login", () => {
  const env = { REGISTRY_PASSWORD: login.password, NPM_TOKEN: secret }
  const pushing = (name: string, run: string, build: Record<string, unknown> = {}) => {
    const builder = { engine: "docker", remote: "h1", registry: { ...remote, server: registry } }
    return write({ name, port: 8091, lines: [`RUN ${run}`], build, builder })
  }
  const secretRun =
    "--mount=type=secret,id=NPM_TOKEN /bin/busybox mkdir /www && /bin/busybox md5sum </run/secrets/NPM_TOKEN >/www/index.html"

  test("needs no buildx, unless a key does, and then says so", async () => {
    const plain = pushing("plain", "/bin/busybox mkdir /www && echo plain >/www/index.html")
    expect(outcomes(done(await plain.jiji(["deploy"], { env })))).toEqual(["web h1: started"])
    expect(await page(hosts, hosts.server("h1"), 8091)).toBe("plain\n")
    await hosts.server("h1").run(["docker", "rm", "--force", "plain-web"])
    const failed = await pushing("needs", secretRun, { secrets: ["NPM_TOKEN"] }).jiji(["deploy"], { env })
    expect(failed.code).toBe(69)
    expect(failed.stderr).toContain("cannot build the image of web on h1: build.secrets needs BuildKit")
    expect(failed.stderr).toContain("Install buildx on h1")
    await nothingIsLeft()
  })

  test("uses buildx for secrets", async () => {
    const plugin = join(import.meta.dir, "../../.tools/buildx/usr/libexec/docker/cli-plugins/docker-buildx")
    const install = `mkdir -p /root/.docker/cli-plugins && ln -s ${plugin} /root/.docker/cli-plugins/docker-buildx`
    await hosts
      .server("h1")
      .run(["sh", "-c", `${install} && docker buildx build - >/dev/null`], { stdin: "FROM scratch\nLABEL a=b\n" })
    await hosts.server("h1").run(["rm", "-rf", "/root/.docker/buildx/refs"])
    quiet = await quietTraces(hosts)
    const deployed = await pushing("near", secretRun, { secrets: ["NPM_TOKEN"] }).jiji(["deploy"], { env })
    expect(outcomes(done(deployed))).toEqual(["web h1: started"])
    const md5 = new Bun.CryptoHasher("md5").update(secret).digest("hex")
    expect(await page(hosts, hosts.server("h1"), 8091)).toStartWith(md5)
    await hosts.server("h1").run(["docker", "rm", "--force", "near-web"])
    await nothingIsLeft()
  })
})

describe.each<readonly [string, "docker" | "podman", ReadonlyArray<NodeJS.Signals>]>([
  ["docker with buildx", "docker", ["SIGINT", "SIGKILL"]],
  ["podman", "podman", ["SIGINT", "SIGKILL"]]
])("while %s builds on another machine", (_, engine, signals) => {
  test.each(signals)("nobody else can read its source and its secrets there, and %s leaves nothing behind", (signal) =>
    interrupted(engine, signal, true)
  )
})

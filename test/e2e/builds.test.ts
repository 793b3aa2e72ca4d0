import { beforeAll, describe, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { done, outcomes, page, quietTraces, type Traces, untilQuiet } from "./observe.ts"
import type { TestProject } from "./Project.ts"
import { installBuildx, ownClient, writeBuild } from "./builders.ts"
import { registryProgram, startRegistry } from "./Registry.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker" })
const login = { username: "me", password: "secret-word" }
const secret = "hunter2-hunter2\nsecond line"
const plainRegistry = "127.0.0.1:5001"
let registry: string
let quiet: Traces
/** Where docker's client finds buildx. */
let withBuildx: Readonly<Record<string, string>>

beforeAll(async () => {
  withBuildx = installBuildx(hosts)
  registry = await startRegistry(hosts, { on: hosts.operator, ...login })
  const words = ["login", "--username", login.username, "--password-stdin", registry]
  for (const host of [hosts.operator, hosts.server("h1")]) {
    await host.run(["docker", ...words], { stdin: login.password })
  }
  // BuildKit of docker 20.10 knows no registry's own certificate, so the one for caches uses plain HTTP.
  const settings = { storage: { inmemory: {} }, http: { addr: plainRegistry } }
  const serve = ["sh", "-c", `cat >/run/plain.yml && exec ${registryProgram} serve /run/plain.yml`]
  const plain = { version: "0.1", ...settings }
  await hosts.operator.start(serve, { stdin: JSON.stringify(plain) }).waitFor("listening on")
  // Docker's client writes a file of its own when it first uses BuildKit.
  const env = { ...ownClient, DOCKER_BUILDKIT: "1" }
  await hosts.operator.run(["docker", "build", "-"], { env, stdin: "FROM scratch\nLABEL a=b\n" })
  quiet = await quietTraces(hosts)
})

const ways = [
  ["docker's own client", () => ownClient],
  ["buildx", () => withBuildx]
] as const

/** A project whose image serves the page that a RUN step has written. */
const builtPage = (name: string, port: number, run: string, build: Record<string, unknown> = {}): TestProject =>
  writeBuild(hosts, { name, port, lines: [`RUN ${run}`], build })

const random = "/bin/busybox mkdir -p /www && /bin/busybox cat /proc/sys/kernel/random/uuid >/www/index.html"

describe.each(ways)("with %s", (_, way) => {
  test("a build gets its secrets, which are in no output and in no image, and leaves nothing behind", async () => {
    const name = way() === ownClient ? "secret" : "secretx"
    const run =
      "--mount=type=secret,id=NPM_TOKEN cd /run/secrets && /bin/busybox cat NPM_TOKEN && " +
      "/bin/busybox mkdir /www && /bin/busybox md5sum NPM_TOKEN >/www/index.html"
    const project = builtPage(name, 8090, run, { secrets: ["NPM_TOKEN"] })
    const deployed = await project.jiji(["deploy", "--json"], { env: { ...way(), NPM_TOKEN: secret } })
    done(deployed)
    const md5 = new Bun.CryptoHasher("md5").update(secret).digest("hex")
    expect(await page(hosts, hosts.server("h1"), 8090)).toStartWith(md5)
    // The step prints the secret.
    expect(deployed.stdout + deployed.stderr).toContain("RUN")
    expect(deployed.stdout + deployed.stderr).not.toMatch(/hunter2|second line/)
    const image = (await hosts.operator.images()).find((each) => each.includes(`${name}-web`)) ?? ""
    const files = await hosts.operator.run(["sh", "-c", `docker save ${image} | tar -xO`])
    expect(files).toContain(md5)
    expect(files).not.toMatch(/hunter2|second line/)
    await hosts.server("h1").run(["docker", "rm", "--force", `${name}-web`])
    await untilQuiet(hosts, quiet)
  })

  test("a build uses the SSH agent, and says so if there is none", async () => {
    const name = way() === ownClient ? "agent" : "agentx"
    const run = '--mount=type=ssh /bin/busybox mkdir /www && test -S "$SSH_AUTH_SOCK" && echo agent >/www/index.html'
    const project = builtPage(name, 8091, run, { ssh: "default" })
    const none = await project.jiji(["deploy"], { env: way() })
    expect(none).toMatchObject({ code: 77, stderr: expect.stringContaining("SSH_AUTH_SOCK is not set") })
    const socket = join(hosts.folder, `${name}.sock`)
    const agent = hosts.operator.start(["ssh-agent", "-D", "-a", socket])
    await agent.waitFor("SSH_AUTH_SOCK")
    await hosts.operator.run(["ssh-add", hosts.key], { env: { SSH_AUTH_SOCK: socket } })
    done(await project.jiji(["deploy"], { env: { ...way(), SSH_AUTH_SOCK: socket } }))
    agent.kill("SIGTERM")
    await agent.done
    expect(await page(hosts, hosts.server("h1"), 8091)).toBe("agent\n")
    await hosts.server("h1").run(["docker", "rm", "--force", `${name}-web`])
  })

  test("a build takes its steps from the cache in a registry", async () => {
    const name = way() === ownClient ? "cached" : "cachedx"
    const cache = `${plainRegistry}/${name}`
    const project = builtPage(name, 8092, random, { cache_to: ["type=inline"], cache_from: [cache] })
    const deploy = async () => {
      done(await project.jiji(["deploy"], { env: way() }))
      return page(hosts, hosts.server("h1"), 8092)
    }
    const first = await deploy()
    expect(first).toMatch(/^[0-9a-f-]{36}\n$/)
    const image = (await hosts.operator.images()).find((each) => each.includes(`${name}-web`)) ?? ""
    const forget = "docker rmi --force $(docker images --quiet) && docker builder prune --all --force"
    await hosts.operator.run(["sh", "-c", `docker tag ${image} ${cache} && docker push ${cache} && ${forget}`])
    expect(await deploy()).toBe(first)
    await hosts.server("h1").run(["docker", "rm", "--force", `${name}-web`])
  })
})

test("a cache that docker cannot write fails with what to do", async () => {
  const build = { cache_to: ["type=local,dest=/tmp/jiji-no-cache"] }
  const project = builtPage("nocache", 8093, random, build)
  const old = await project.jiji(["deploy"], { env: ownClient })
  expect(old.code).toBe(69)
  expect(old.stderr).toContain("build.cache_to needs docker's plugin buildx.")
  const driver = await project.jiji(["deploy"], { env: withBuildx })
  expect(driver.code).toBe(1)
  expect(driver.stderr).toContain("docker buildx create --use")
})

test("a build with no_cache runs every step again, and other builds do not", async () => {
  const project = builtPage("again", 8094, random)
  const deploy = async () => outcomes(done(await project.jiji(["deploy"], { env: ownClient })))
  expect(await deploy()).toEqual(["web h1: started"])
  expect(await deploy()).toEqual(["web h1: unchanged"])
  const first = await page(hosts, hosts.server("h1"), 8094)
  writeFileSync(join(project.root, ".jiji/deploy.again.yml"), "services: { web: { build: { no_cache: true } } }\n")
  done(await project.jiji(["deploy", "-e", "again"], { env: ownClient }))
  const second = await page(hosts, hosts.server("h1"), 8094)
  expect(second).toMatch(/^[0-9a-f-]{36}\n$/)
  expect(second).not.toBe(first)
})

test("a build with pull uses a base image that has changed in its registry, and other builds do not", async () => {
  const base = `${registry}/base:1`
  const pushBase = async (text: string) => {
    const h1 = hosts.server("h1")
    const files = `printf 'FROM scratch\\nCOPY index.html /www/\\n' >Dockerfile && printf ${text} >index.html`
    await h1.run(["sh", "-c", `cd $(mktemp -d) && ${files} && docker build --tag ${base} . && docker push ${base}`])
  }
  await pushBase("old")
  const project = builtPage("based", 8095, "true")
  const dockerfile = join(project.root, "web/Dockerfile")
  writeFileSync(dockerfile, (await Bun.file(dockerfile).text()).replace("FROM scratch", `FROM ${base}`))
  const deploy = async (...args: ReadonlyArray<string>) => {
    done(await project.jiji(["deploy", ...args], { env: ownClient }))
    return page(hosts, hosts.server("h1"), 8095)
  }
  expect(await deploy()).toBe("old")
  await pushBase("new")
  expect(await deploy()).toBe("old")
  writeFileSync(join(project.root, ".jiji/deploy.fresh.yml"), "services: { web: { build: { pull: true } } }\n")
  expect(await deploy("-e", "fresh")).toBe("new")
})

import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { writeBuild, writePlatforms } from "./builders.ts"
import { done, outcomes, page } from "./observe.ts"
import { startRegistry } from "./Registry.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker" }, "podman")
const platforms = ["linux/amd64", "linux/arm64"]
const onH1 = (port: number) => page(hosts, hosts.server("h1"), port)
const random = "RUN mkdir -p /www && cat /proc/sys/kernel/random/uuid >/www/index.html"
// Podman's RUN finds no other programs.
const tools = ["mkdir", "cat", "md5sum", "test"].map((name) => `COPY busybox /bin/${name}`)

test("podman gives a build its secrets and the SSH agent, and no output has them", async () => {
  const secret = "hunter2-hunter2\nsecond line"
  const step =
    "RUN --mount=type=secret,id=NPM_TOKEN --mount=type=ssh mkdir /www && cat /run/secrets/NPM_TOKEN && " +
    'test -S "$SSH_AUTH_SOCK" && md5sum /run/secrets/NPM_TOKEN >/www/index.html'
  const build = { secrets: ["NPM_TOKEN"], ssh: "default" }
  const project = writeBuild(hosts, { name: "secret", port: 8080, lines: [...tools, step], build })
  const none = await project.jiji(["deploy"], { env: { NPM_TOKEN: secret } })
  expect(none).toMatchObject({ code: 77, stderr: expect.stringContaining("SSH_AUTH_SOCK is not set") })
  const socket = join(hosts.folder, "agent.sock")
  const agent = hosts.operator.start(["ssh-agent", "-D", "-a", socket])
  await agent.waitFor("SSH_AUTH_SOCK")
  const deployed = done(await project.jiji(["deploy", "--json"], { env: { NPM_TOKEN: secret, SSH_AUTH_SOCK: socket } }))
  agent.kill("SIGTERM")
  await agent.done
  expect(await onH1(8080)).toStartWith(new Bun.CryptoHasher("md5").update(secret).digest("hex"))
  expect(deployed.stdout + deployed.stderr).not.toMatch(/hunter2|second line/)
})

test("podman runs every step again with no_cache, and refuses caches of BuildKit's form", async () => {
  const project = writeBuild(hosts, { name: "again", port: 8081, lines: [...tools, random] })
  const deploy = async (...args: ReadonlyArray<string>) => {
    done(await project.jiji(["deploy", ...args]))
    return onH1(8081)
  }
  const first = await deploy()
  expect(await deploy()).toBe(first)
  writeFileSync(join(project.root, ".jiji/deploy.again.yml"), "services: { web: { build: { no_cache: true } } }\n")
  expect(await deploy("-e", "again")).not.toBe(first)
  const typed = "services: { web: { build: { cache_from: ['type=registry,ref=a'] } } }\n"
  writeFileSync(join(project.root, ".jiji/deploy.typed.yml"), typed)
  const refused = await project.jiji(["deploy", "-e", "typed"])
  expect(refused).toMatchObject({ code: 69, stderr: expect.stringContaining("podman accepts only repositories") })
})

test("podman keeps an index in the local registry, and pushes one to a remote registry", async () => {
  const server = await startRegistry(hosts, { on: hosts.operator, username: "me", password: "secret-word" })
  const h1 = hosts.server("h1")
  await h1.run(["docker", "login", "--username", "me", "--password-stdin", server], { stdin: "secret-word" })
  const registry = { type: "remote", server, username: "me", password: "REGISTRY_PASSWORD" }
  const local = writePlatforms(hosts, { name: "kept", port: 8082, build: { platforms } })
  const pushed = writePlatforms(hosts, {
    name: "pushed",
    port: 8083,
    build: { platforms },
    config: { builder: { registry } }
  })
  const env = { REGISTRY_PASSWORD: "secret-word" }
  for (const [project, port] of [
    [local, 8082],
    [pushed, 8083]
  ] as const) {
    const deploy = () => project.jiji(["deploy", "--version", "v1"], { env })
    done(await deploy())
    expect(await onH1(port)).toBe("for amd64")
    expect(outcomes(done(await deploy()))).toEqual(["web h1: unchanged"])
  }
  await h1.run(["docker", "pull", "--platform", "linux/arm64", `${server}/pushed-web:v1`])
  const format = ["--format", "{{.Architecture}}", `${server}/pushed-web:v1`]
  expect(await h1.run(["docker", "image", "inspect", ...format])).toBe("arm64")
  // The list from which podman pushed is gone.
  expect(await hosts.operator.images()).not.toContainEqual(expect.stringContaining("jiji-index"))
})

test("podman builds a platform again if its cache returns another one", async () => {
  const lines = ["COPY index.html /www/index.html"]
  const project = writeBuild(hosts, { name: "same", port: 8084, lines, build: { platforms } })
  done(await project.jiji(["deploy", "--version", "v1"]))
  const format = ["--format", "{{.Architecture}}"]
  for (const arch of ["amd64", "arm64"]) {
    const image = `localhost:9270/same-web:v1-linux-${arch}`
    expect(await hosts.operator.run(["podman", "image", "inspect", ...format, image])).toBe(arch)
  }
})

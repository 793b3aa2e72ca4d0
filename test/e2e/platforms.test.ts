import { beforeAll, describe, expect, test } from "bun:test"
import { readFileSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { installBuildx, ownClient, writePlatforms } from "./builders.ts"
import { done, outcomes, page } from "./observe.ts"
import { startRegistry } from "./Registry.ts"
import { buildRegistryImage } from "./RegistryImage.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
const platforms = ["linux/amd64", "linux/arm64"]
let withBuildx: Readonly<Record<string, string>>

beforeAll(() => {
  withBuildx = installBuildx(hosts)
})

const pages = (port: number) => Promise.all(hosts.servers.map((server) => page(hosts, server, port)))

/** Pulls an image for arm64 on h1, and returns its processor and its page. */
const onArm = async (reference: string) => {
  const h1 = hosts.server("h1")
  await h1.run(["docker", "pull", "--platform", "linux/arm64", reference])
  const container = await h1.run(["docker", "create", reference, "none"])
  const text = await h1.run(["sh", "-c", `docker cp ${container}:/www/index.html - | tar -xO`])
  await h1.run(["docker", "rm", container])
  return `${await h1.run(["docker", "image", "inspect", "--format", "{{.Architecture}}", reference])}: ${text}`
}

describe.each([
  ["docker's own client", "client", () => ownClient],
  ["buildx", "buildx", () => withBuildx]
] as const)("with %s", (_, name, way) => {
  test("each server pulls the image of its own platform from the local registry", async () => {
    const project = writePlatforms(hosts, { name, port: 8080, build: { platforms } })
    const run = (...args: ReadonlyArray<string>) => project.jiji([...args, "--version", "v1"], { env: way() })
    done(await run("deploy"))
    expect(await pages(8080)).toEqual(["for amd64", "for amd64"])
    expect(outcomes(done(await run("deploy")))).toEqual(["web h1: unchanged", "web h2: unchanged"])
    const architecture = (platform: string) => {
      const image = `localhost:9270/${name}-web:v1-linux-${platform}`
      return hosts.operator.run(["docker", "image", "inspect", "--format", "{{.Architecture}}", image])
    }
    expect([await architecture("amd64"), await architecture("arm64")]).toEqual(["amd64", "arm64"])
    // The registry serves the other platform, too.
    const serving = project.start(["registry", "serve"])
    await serving.waitFor("9270")
    const hostKey = ["-o", `UserKnownHostsFile=${join(hosts.folder, "own")}`, "-o", "StrictHostKeyChecking=no"]
    const forward = ["-i", hosts.key, ...hostKey, "-R", "9270:127.0.0.1:9270", "-N", `root@${hosts.server("h1").ip}`]
    const tunnel = hosts.operator.start(["ssh", "-v", ...forward])
    await tunnel.waitFor("remote forward success")
    await hosts.server("h1").run(["docker", "rm", "--force", `${name}-web`])
    expect(await onArm(`localhost:9270/${name}/web:latest`)).toBe("arm64: for arm64")
    for (const each of [tunnel, serving]) {
      each.kill("SIGTERM")
      await each.done
    }
    await hosts.server("h2").run(["podman", "rm", "--force", `${name}-web`])
    const listed = done(await project.jiji(["registry", "status"])).stdout
    expect(listed.split("\n").filter((line) => line.includes(`${name}-web`))).toHaveLength(1)
  })
})

test("a damaged layer of one platform is repaired while a server pulls it", async () => {
  const project = writePlatforms(hosts, { name: "repaired", port: 8081, build: { platforms } })
  const deploy = () => project.jiji(["deploy", "--version", "v1", "-H", "h1"], { env: ownClient })
  done(await deploy())
  const h1 = hosts.server("h1")
  await h1.run([
    "sh",
    "-c",
    "docker rm --force $(docker ps --all --quiet) && docker rmi --force $(docker images --quiet)"
  ])
  // Size and time stay the same, as on a failing disk.
  const store = join(hosts.home, ".local/share/jiji/registry/blobs/sha256")
  const files = (await hosts.operator.run(["grep", "--recursive", "--files-with-matches", "for amd64", store])).split(
    "\n"
  )
  for (const file of files) {
    const { atime, mtime } = statSync(file)
    writeFileSync(file, readFileSync(file, "latin1").replace("for amd64", "for amd65"), "latin1")
    utimesSync(file, atime, mtime)
  }
  expect(files).toHaveLength(1)
  expect(done(await deploy()).stdout).toContain("is corrupted; importing it again")
  expect(await page(hosts, h1, 8081)).toBe("for amd64")
})

test("an index is pushed to a remote registry, and servers pull their own platform from there", async () => {
  const server = await startRegistry(hosts, { on: hosts.operator, username: "me", password: "secret-word" })
  const registry = { type: "remote", server, username: "me", password: "REGISTRY_PASSWORD" }
  const project = writePlatforms(hosts, {
    name: "pushed",
    port: 8082,
    build: { platforms },
    config: { builder: { registry } }
  })
  const env = { ...withBuildx, REGISTRY_PASSWORD: "secret-word" }
  const deploy = () => project.jiji(["deploy", "--version", "v1"], { env })
  done(await deploy())
  expect(await pages(8082)).toEqual(["for amd64", "for amd64"])
  expect(outcomes(done(await deploy()))).toEqual(["web h1: unchanged", "web h2: unchanged"])
  const h1 = hosts.server("h1")
  await h1.run(["docker", "login", "--username", "me", "--password-stdin", server], { stdin: "secret-word" })
  await h1.run(["docker", "rm", "--force", "pushed-web"])
  expect(await onArm(`${server}/pushed-web:v1`)).toBe("arm64: for arm64")
})

test("an index is pushed to the registry's container", async () => {
  await buildRegistryImage(hosts.operator, join(hosts.folder, "registry-image"), "registry:test")
  const registry = { type: "local", port: 9272, engine: "container", image: "registry:test" }
  const config = { builder: { registry } }
  const project = writePlatforms(hosts, { name: "contained", port: 8083, build: { platforms }, config })
  done(await project.jiji(["deploy", "--version", "v1"], { env: ownClient }))
  expect(await pages(8083)).toEqual(["for amd64", "for amd64"])
  const types = ["application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json"]
  const url = "http://127.0.0.1:9272/v2/contained/web/manifests/latest"
  const found = await hosts.operator.run(["curl", "--silent", "--header", `Accept: ${types.join(", ")}`, url])
  expect(JSON.parse(found).manifests).toMatchObject([
    { platform: { architecture: "amd64" } },
    { platform: { architecture: "arm64" } }
  ])
})

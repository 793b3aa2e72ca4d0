import { beforeAll, beforeEach, describe, expect, test } from "bun:test"
import { join } from "node:path"
import type { ServerHost } from "./Host.ts"
import { done, outcomes, page } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { buildRegistryImage } from "./RegistryImage.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })

const registry = { type: "local", port: 9272, engine: "container", image: "registry:test" }

const write = (text: string) =>
  writeProject(hosts, {
    name: "myapp",
    image: { page: text },
    config: { builder: { registry }, services: { web: { health: { running_for: "0s" } } } }
  })
const deploy = async (text: string, version: string) => done(await write(text).jiji(["deploy", "--version", version]))

const emptyServers = async () => {
  for (const server of hosts.servers) {
    await server.run([server.engine, "rm", "--force", "myapp-web"])
    const ids = (await server.run([server.engine, "images", "--quiet"])).split("\n").filter(Boolean)
    if (ids.length > 0) await server.run([server.engine, "rmi", "--force", ...new Set(ids)])
  }
}

beforeAll(async () => {
  await buildRegistryImage(hosts.operator, join(hosts.folder, "registry-image"), "registry:test")
})

describe("the names in a registry's container", () => {
  beforeAll(async () => {
    await deploy("first", "v1")
    await deploy("second", "v2")
    await emptyServers()
  })

  /** Runs a command on a server through a forward that a person opens with `ssh -R`. */
  const throughForward = (server: ServerHost, command: string) => {
    const hostKey = ["-o", `UserKnownHostsFile=${join(hosts.folder, "own")}`, "-o", "StrictHostKeyChecking=no"]
    const forward = ["-R", "9272:127.0.0.1:9272", `root@${server.ip}`]
    return hosts.operator.run(["ssh", "-i", hosts.key, ...hostKey, ...forward, command])
  }
  const pageOf = (server: ServerHost, image: string) =>
    server.run([server.engine, "run", "--rm", image, "/bin/busybox", "cat", "/www/index.html"])

  test("docker and podman pull PROJECT/SERVICE:latest, and get the version pushed last", async () => {
    const image = "localhost:9272/myapp/web:latest"
    await throughForward(hosts.server("h1"), `docker pull ${image}`)
    await throughForward(hosts.server("h2"), `podman pull --tls-verify=false ${image}`)
    for (const server of hosts.servers) expect(await pageOf(server, image)).toBe("second")
  })

  test("a version can be pulled under either name", async () => {
    const server = hosts.server("h1")
    for (const name of ["myapp/web", "myapp-web"]) {
      await throughForward(server, `docker pull localhost:9272/${name}:v1`)
      expect(await pageOf(server, `localhost:9272/${name}:v1`)).toBe("first")
    }
  })

  test("`registry status` lists each version once", async () => {
    const { stdout } = done(await write("second").jiji(["registry", "status"]))
    expect(
      stdout
        .match(/^myapp\S+ +v\d/gm)
        ?.map((line) => line.replace(/ +/, " "))
        .toSorted()
    ).toEqual(["myapp-web v1", "myapp-web v2"])
    expect(stdout).not.toContain("myapp/web")
  })
})

describe("a damaged blob in a registry's container", () => {
  const data = async (path: string) => {
    const volume = await hosts.operator.run([
      "docker",
      "volume",
      "inspect",
      "--format",
      "{{.Mountpoint}}",
      "jiji-registry"
    ])
    return join(volume, "docker/registry/v2", path)
  }
  const blobPath = (digest: string) => {
    const hex = digest.replace("sha256:", "")
    return data(`blobs/sha256/${hex.slice(0, 2)}/${hex}/data`)
  }
  const read = async (path: string) => hosts.operator.run(["cat", path])

  /** The digests of the deployed image's parts. */
  const parts = async () => {
    const manifest = await read(await data("repositories/myapp-web/_manifests/tags/v1/current/link"))
    const { config, layers } = JSON.parse(await read(await blobPath(manifest))) as {
      readonly config: { readonly digest: string }
      readonly layers: ReadonlyArray<{ readonly digest: string; readonly size: number }>
    }
    const [largest] = layers.toSorted((a, b) => b.size - a.size)
    return { manifest, config: config.digest, layer: largest?.digest ?? "" }
  }

  const flip =
    "const path = process.argv[1], bytes = require('fs').readFileSync(path); bytes[bytes.length >> 1] ^= 1; require('fs').writeFileSync(path, bytes)"
  const flipBit = (path: string) => hosts.operator.run([process.execPath, "-e", flip, path])
  const remove = (path: string) => hosts.operator.run(["rm", path])

  beforeEach(async () => {
    await deploy("intact", "v1")
    await emptyServers()
  })

  for (const [damage, part, apply] of [
    ["a layer with a flipped bit", "layer", flipBit],
    ["a config with a flipped bit", "config", flipBit],
    ["a manifest with a flipped bit", "manifest", flipBit],
    ["a layer that is missing", "layer", remove]
  ] as const)
    test(`${damage} is named and pushed again, and docker and podman get the image in the same deploy`, async () => {
      const digest = (await parts())[part]
      await apply(await blobPath(digest))
      const run = await deploy("intact", "v1")
      expect(outcomes(run)).toEqual(["web h1: started", "web h2: started"])
      const short = digest.replace("sha256:", "").slice(0, 12)
      expect(run.stdout + run.stderr).toContain(
        `${short}… in the registry's container jiji-registry is corrupted; pushing it again`
      )
      for (const server of hosts.servers) expect(await page(hosts, server)).toBe("intact")
      expect(`sha256:${(await hosts.operator.run(["sha256sum", await blobPath(digest)])).slice(0, 64)}`).toBe(digest)
    })
})

import { beforeEach, describe, expect, test } from "bun:test"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { done, outcomes, page } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { until } from "../support/waiting.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })

const store = () => join(hosts.home, ".local/share/jiji/registry")
const blobPath = (name: string) => join(store(), "blobs/sha256", name)
const blobs = () => readdirSync(join(store(), "blobs/sha256"))
const sha256 = (path: string) => new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex")
const broken = () => blobs().filter((name) => !statSync(blobPath(name)).isFile() || sha256(blobPath(name)) !== name)

/** The names of the image's blobs in the store, by what they are. */
const parts = () => {
  const tag = readFileSync(join(store(), "repositories/rot-web/_tags/v1"), "utf8")
  const manifest = tag.replace("sha256:", "")
  const { config, layers } = JSON.parse(readFileSync(blobPath(manifest), "utf8")) as {
    readonly config: { readonly digest: string }
    readonly layers: ReadonlyArray<{ readonly digest: string; readonly size: number }>
  }
  const hex = (digest = "") => digest.replace("sha256:", "")
  const sorted = [...layers].sort((a, b) => b.size - a.size)
  return { manifest, config: hex(config.digest), layer: hex(sorted[0]?.digest) }
}
type Part = keyof ReturnType<typeof parts>

/** Flips one bit, as a failing disk does: size and time stay the same. */
const flipBit = (path: string) => {
  const { atime, mtime } = statSync(path)
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  writeFileSync(path, bytes)
  utimesSync(path, atime, mtime)
}

const replaceByFolder = (path: string) => {
  const { atime, mtime } = statSync(path)
  rmSync(path)
  mkdirSync(path)
  utimesSync(path, atime, mtime)
}

const write = (on: ReadonlyArray<string>) =>
  writeProject(hosts, {
    name: "rot",
    image: { page: "intact" },
    config: { services: { web: { hosts: on, health: { running_for: "0s" } } } }
  })

/** Fills the store with an intact image whose blobs are verified, and empties the servers. */
beforeEach(async () => {
  rmSync(store(), { recursive: true, force: true })
  done(await write(["h1", "h2"]).jiji(["deploy", "--version", "v1"]))
  for (const server of hosts.servers) {
    const ids = async (...words: ReadonlyArray<string>) =>
      (await server.run([server.engine, ...words, "--quiet"])).split("\n").filter(Boolean)
    // The containers that keep versions as well: they hold the layers of an image that is removed by force.
    await server.run([server.engine, "rm", "--force", ...(await ids("ps", "--all"))])
    await server.run([server.engine, "rmi", "--force", ...(await ids("images"))])
    expect(await ids("images")).toEqual([])
  }
  const isSealed = (name: string) => statSync(blobPath(name)).mtimeMs === 946_684_800_000
  await until(() => blobs().every(isSealed), Boolean)
})

describe("a damaged blob in the local registry", () => {
  const damages = [
    ["a layer with a flipped bit", "layer", flipBit],
    ["a config with a flipped bit", "config", flipBit],
    ["a manifest with a flipped bit", "manifest", flipBit],
    ["a folder in the place of a layer", "layer", replaceByFolder],
    ["a folder in the place of the manifest", "manifest", replaceByFolder]
  ] as const satisfies ReadonlyArray<readonly [string, Part, (path: string) => void]>

  for (const [damage, part, apply] of damages) {
    test(`${damage} is named and imported again, and docker and podman get the image in the same deploy`, async () => {
      const name = parts()[part]
      apply(blobPath(name))
      const run = done(await write(["h1", "h2"]).jiji(["deploy", "--version", "v1"]))
      expect(outcomes(run)).toEqual(["web h1: started", "web h2: started"])
      expect(run.stdout + run.stderr).toContain(`${name.slice(0, 12)}… in ${store()} is corrupted; importing it again`)
      for (const server of hosts.servers) expect(await page(hosts, server)).toBe("intact")
      expect(broken()).toEqual([])
      expect(blobs()).toContain(name)
    })
  }

  test("is named with its folder if the engine cannot give the image again", async () => {
    const name = parts().layer
    flipBit(blobPath(name))
    // The engine builds and inspects, but its `save` fails, as when the image is pruned during the deploy.
    const folder = join(hosts.folder, "no-save")
    mkdirSync(folder, { recursive: true })
    const docker = await hosts.operator.run(["sh", "-c", "command -v docker"])
    const script = `#!/bin/sh\n[ "$1" = save ] && { echo "No such image" >&2; exit 1; }\nexec ${docker} "$@"\n`
    writeFileSync(join(folder, "docker"), script, { mode: 0o755 })
    const path = `${folder}:${await hosts.operator.run(["printenv", "PATH"])}`
    const run = await write(["h1"]).jiji(["deploy", "--version", "v1"], { env: { PATH: path } })
    expect(run.code).toBe(1)
    expect(run.stderr).toContain(
      `The local registry in ${store()} has a damaged copy of rot-web:v1: blob sha256:${name} was corrupted or missing.`
    )
    expect(run.stderr).toContain("No such image")
    expect(existsSync(blobPath(name))).toBe(false)
    // The next deploy needs no help.
    expect(outcomes(done(await write(["h1"]).jiji(["deploy", "--version", "v1"])))).toEqual(["web h1: started"])
    expect(broken()).toEqual([])
  })
})

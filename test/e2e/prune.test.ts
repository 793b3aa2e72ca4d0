import { expect, test } from "bun:test"
import type { Host } from "./Host.ts"
import { containersOf, done } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
const repository = "localhost:9270/shop-web"

const write = (page: string, retain: number) =>
  writeProject(hosts, {
    name: "shop",
    image: { page },
    config: { services: { web: { ports: [], retain, health: { running_for: "0s" } } } }
  })

const tags = async (server: Host, name = repository) => {
  // podman lists all names of a matching image.
  const stdout = await server.run([server.engine, "image", "ls", "--format", "{{.Repository}} {{.Tag}}", name])
  const names = stdout.split("\n").map((line) => line.split(" "))
  return names.flatMap(([from, tag = ""]) => (from === name ? [tag] : [])).sort()
}

const label = (key: string, value: string) => ["--label", `jiji.${key}=${value}`]

test("removes old images and what interrupted deploys left, and nothing else", async () => {
  for (const version of ["v1", "v2", "v3", "v4"]) {
    done(await write(version, 4).jiji(["deploy", "--version", version]))
  }
  expect(done(await write("v4", 4).jiji(["prune", "--dry-run"])).stdout).toBe("Nothing to remove.\n")
  for (const server of hosts.servers) {
    const create = (name: string, image: string, ...more: ReadonlyArray<string>) =>
      server.run([server.engine, "create", "--name", name, ...more, image])
    const ofWeb = [...label("project", "shop"), ...label("service", "web")]
    await create("shop-web-trial", `${repository}:v4`, ...ofWeb)
    await create("shop-web-next", `${repository}:v4`, ...ofWeb)
    await create("shop-web-release", `${repository}:v4`, ...ofWeb)
    // What a rollback needs, another project's container with a similar name, another image, and a volume.
    await create("kept-v2", `${repository}:v2`, ...label("kept", "shop"))
    await create("shop-web-2-trial", `${repository}:v4`, ...label("project", "shop-web"), ...label("service", "2"))
    await server.run([server.engine, "tag", `${repository}:v1`, "localhost:9270/shop-web-x:v1"])
    await server.run([server.engine, "volume", "create", "shop_data"])
    const files = "mkdir -p /root/.jiji/files/shop-web-release /root/.jiji/files/shop-web-2"
    await server.run(["sh", "-c", `${files} && touch /tmp/jiji-shop-web.by.77 /tmp/jiji-shop-web-2.by.77`])
  }
  const unconfirmed = await write("v4", 1).jiji(["prune"])
  expect(unconfirmed.code).toBe(2)
  expect(unconfirmed.stderr).toContain("This command removes unused images and leftovers of shop")
  const listed = done(await write("v4", 1).jiji(["prune", "--dry-run", "--json"]))
  // The versions v1 and v3 that a rollback no longer needs. What jiji did not write stays.
  const isKept = expect.stringMatching(/^shop-web\.[0-9a-f]{12}$/)
  const expected = {
    images: [
      expect.objectContaining({ name: `${repository}:v3` }),
      expect.objectContaining({ name: `${repository}:v1` })
    ],
    containers: [isKept, isKept, isKept, "shop-web-trial", "shop-web-next", "shop-web-release"],
    files: ["/tmp/jiji-shop-web.by.77", "/root/.jiji/files/shop-web-release"]
  }
  expect(JSON.parse(listed.stdout)).toEqual({
    servers: hosts.servers.map(({ name }) => ({ server: name, ...expected }))
  })
  for (const server of hosts.servers) expect(await tags(server)).toEqual(["v1", "v2", "v3", "v4"])

  const pruned = done(await write("v4", 1).jiji(["prune", "--yes"]))
  expect(pruned.stdout).toMatch(/h2 prune: removed 2 images, 6 containers, 2 files; .* became free/)
  for (const server of hosts.servers) {
    expect(await tags(server)).toEqual(["v2", "v4"])
    expect(await tags(server, "localhost:9270/shop-web-x")).toEqual(["v1"])
    const names = (await containersOf(server, "shop")).map(({ name }) => name)
    expect(names.sort()).toEqual(["shop-web", "shop-web-2-trial"])
    expect(await server.run([server.engine, "ps", "--all", "--format", "{{.Names}}"])).toContain("kept-v2")
    expect(await server.run([server.engine, "volume", "ls", "--quiet"])).toContain("shop_data")
    expect((await server.try(["ls", "/root/.jiji/files/shop-web-2", "/tmp/jiji-shop-web-2.by.77"])).code).toBe(0)
  }
  expect(done(await write("v4", 1).jiji(["prune", "--yes"])).stdout).toContain("nothing to remove")
})

test("leaves alone what a running deploy works on", async () => {
  for (const server of hosts.servers) {
    const image = `${repository}:v4`
    const labels = [...label("project", "shop"), ...label("service", "web")]
    await server.run([server.engine, "create", "--name", "shop-web-trial", ...labels, image])
  }
  const [h1] = hosts.servers
  if (h1 === undefined) throw new Error("there are servers")
  const holder = h1.start(["flock", "/tmp/jiji-shop-web.lock", "sh", "-c", "echo locked; sleep 1000"])
  await holder.waitFor("locked")
  const run = done(await write("v4", 1).jiji(["prune", "--yes"]))
  holder.kill("SIGKILL")
  expect(run.stdout).toContain("h1 prune: skipped: nothing to remove")
  expect(run.stdout).toContain("h2 prune: removed 1 container; ")
})

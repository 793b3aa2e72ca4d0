import { createHash } from "node:crypto"
import { beforeAll, expect, test } from "bun:test"
import type { Host } from "./Host.ts"
import { buildImage } from "./Image.ts"
import { containersOf, done, outcomes, page, table } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { startRegistry } from "./Registry.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
const health = { running_for: "0s" }
const data = { build: { context: "./web" }, hosts: ["h1", "h2"], volumes: ["data:/data"], health }

let shop: TestProject
beforeAll(async () => {
  const services = { web: { health }, data, worker: { build: { context: "./web" }, hosts: ["h1", "h2"], health } }
  shop = writeProject(hosts, { name: "shop", image: { page: "one" }, config: { services } })
  done(await shop.jiji(["deploy"]))
})

const onEach = (...words: ReadonlyArray<string>) =>
  Promise.all(hosts.servers.map((server) => server.run([server.engine, ...words])))
const state = () => Promise.all(hosts.servers.map((server) => containersOf(server, "shop")))
const reasons = (run: Parameters<typeof table>[0]) =>
  table(run)
    .map(({ OUTCOME, SERVER, SERVICE, WHY = "" }) => `${SERVICE} ${SERVER}: ${OUTCOME} ${WHY}`.trim())
    .toSorted()

test("replaces paused containers, however they are replaced", async () => {
  const names = ["shop-web", "shop-data", "shop-worker"]
  await onEach("pause", ...names)
  const replaced = ["data", "web", "worker"].flatMap((service) =>
    ["h1", "h2"].map((server) => `${service} ${server}: replaced the container is paused`)
  )
  expect(reasons(done(await shop.jiji(["deploy"])))).toEqual(replaced)
  for (const server of hosts.servers) {
    expect((await containersOf(server, "shop")).map(({ name, state }) => `${name} ${state}`)).toEqual(
      names.toSorted().map((name) => `${name} running`)
    )
    expect(await page(hosts, server)).toBe("one")
  }
})

test("ignores a copy with the labels of a service, and leaves it alone", async () => {
  await onEach("commit", "shop-worker", "copy")
  await onEach("run", "--detach", "--name", "shop-copy", "copy")
  const before = await state()
  const run = done(await shop.jiji(["deploy"]))
  expect(new Set(reasons(run).map((row) => row.split(": ")[1]))).toEqual(new Set(["unchanged"]))
  expect(run.stdout).toContain("shop-copy is running here but is not in deploy.yml for this server")
  expect(await state()).toEqual(before)
  await onEach("rm", "--force", "shop-copy")
})

test("restores a restart policy that somebody changed, without a new container", async () => {
  const h1 = hosts.server("h1")
  await h1.run(["docker", "update", "--restart", "no", "shop-web"])
  const before = await state()
  const run = done(await shop.jiji(["deploy"]))
  expect(run.stdout).toContain("restart policy no → unless-stopped")
  expect(outcomes(run)).toContain("web h1: unchanged")
  expect(await state()).toEqual(before)
  const format = "{{.HostConfig.RestartPolicy.Name}}"
  expect(await h1.run(["docker", "inspect", "--format", format, "shop-web"])).toBe("unless-stopped")
})

test("replaces a container of podman whose restart policy is wrong", async () => {
  const h2 = hosts.server("h2")
  const image = (await containersOf(h2, "shop")).find(({ name }) => name === "shop-worker")?.image ?? ""
  const labels = JSON.parse(await h2.run(["podman", "inspect", "--format", "{{json .Config.Labels}}", "shop-worker"]))
  const words = Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`])
  await h2.run(["podman", "rm", "--force", "shop-worker"])
  await h2.run(["podman", "run", "--detach", "--name", "shop-worker", "--restart", "no", ...words, image])
  expect(reasons(done(await shop.jiji(["deploy"])))).toContain("worker h2: replaced restart policy no → always")
  expect(outcomes(done(await shop.jiji(["deploy"])))).toContain("worker h2: unchanged")
})

test("leaves a container of another project alone that has the name of a temporary one", async () => {
  const image = (await state()).map((containers) => containers.find(({ name }) => name === "shop-web")?.image ?? "")
  const run = (server: Host, name: string, index: number) => {
    const labels = ["--label", "jiji.project=shop-web", "--label", `jiji.service=${name.replace("shop-web-", "")}`]
    return server.run([server.engine, "run", "--detach", "--name", name, ...labels, image[index] ?? ""])
  }
  for (const name of ["shop-web-next", "shop-web-trial"]) {
    for (const [index, server] of hosts.servers.entries()) await run(server, name, index)
    const before = await state()
    shop.change({ page: `beside ${name}` })
    const failed = await shop.jiji(["deploy", "-S", "web"])
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain(`The container ${name} on h1 does not belong to this project or service.`)
    expect(failed.stderr).toContain(`podman rename ${name}`)
    expect(await state()).toEqual(before)
    await onEach("rm", "--force", name)
  }
  done(await shop.jiji(["deploy", "-S", "web"]))
  for (const server of hosts.servers) expect(await page(hosts, server)).toBe("beside shop-web-trial")
})

test("does not pull an image again that deploy.yml pins, also by the digest of an index", async () => {
  const password = "p4ss word"
  const address = await startRegistry(hosts, { on: hosts.operator, username: "me", password })
  const own = `${address}/page:1`
  await buildImage(hosts.operator, { name: own, page: "pinned" })
  const login = ["docker", "login", "--username", "me", "--password-stdin", address]
  await hosts.operator.run(login, { stdin: password })
  await hosts.operator.run(["docker", "push", own])
  const curl = ["curl", "--silent", "--show-error", "--fail", "--insecure", "--user", `me:${password}`]
  const url = (name: string) => `https://${address}/v2/page/manifests/${name}`
  const type = "application/vnd.docker.distribution.manifest.v2+json"
  const manifest = await hosts.operator.run([...curl, "--header", `Accept: ${type}`, "--output", "-", url("1")])
  const [, one = ""] =
    /RepoDigests.*@(sha256:[0-9a-f]{64})/.exec(
      await hosts.operator.run(["docker", "image", "inspect", "--format", "RepoDigests {{.RepoDigests}}", own])
    ) ?? []
  const processor = await hosts.operator.run(["docker", "image", "inspect", "--format", "{{.Architecture}}", own])
  const listType = "application/vnd.docker.distribution.manifest.list.v2+json"
  const list = JSON.stringify({
    schemaVersion: 2,
    mediaType: listType,
    manifests: [
      {
        mediaType: type,
        size: Buffer.byteLength(manifest),
        digest: one,
        platform: { architecture: processor, os: "linux" }
      }
    ]
  })
  const put = [...curl, "--request", "PUT", "--header", `Content-Type: ${listType}`, "--data-binary", "@-", url("many")]
  await hosts.operator.run(put, { stdin: list })
  const index = `sha256:${createHash("sha256").update(list).digest("hex")}`
  for (const [name, reference, version] of [
    ["one", `${address}/page@${one}`, one.slice(7, 19)],
    ["many", `${address}/page@${index}`, index.slice(7, 19)],
    ["tagged", `${address}/page:1@${one}`, "1"]
  ] as const) {
    const registry = { type: "remote", server: address, username: "me", password: "REGISTRY_PASSWORD" }
    const project = writeProject(hosts, {
      name,
      image: { page: "unused" },
      config: {
        builder: { registry },
        services: { web: { build: undefined, image: reference, ports: ["8081:80"], health } }
      }
    })
    const env = { REGISTRY_PASSWORD: password }
    const first = done(await project.jiji(["deploy"], { env }))
    expect(table(first).map(({ OUTCOME, VERSION }) => `${OUTCOME} ${VERSION}`)).toEqual([
      `started ${version}`,
      `started ${version}`
    ])
    for (const server of hosts.servers) expect(await page(hosts, server, 8081)).toBe("pinned")
    const second = done(await project.jiji(["deploy"], { env }))
    expect(outcomes(second)).toEqual(["web h1: unchanged", "web h2: unchanged"])
    expect(second.stdout).not.toContain("may have changed")
    await onEach("rm", "--force", `${name}-web`)
  }
})

import { expect, test } from "bun:test"
import { join } from "node:path"
import { until } from "../support/waiting.ts"
import type { Host } from "./Host.ts"
import { type ImageOptions, writeContext } from "./Image.ts"
import { containersOf, done, outcomes, page, table } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { stopEngine } from "./stopEngine.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman", h3: "podman5" })

const health = { running_for: "0s", timeout: "60s" }

/** Writes a project with services that are built, and serve a page each. `on` names its servers. */
const write = (
  name: string,
  pages: Readonly<Record<string, string>>,
  options: { readonly on?: ReadonlyArray<string>; readonly ports?: Readonly<Record<string, string>> } = {}
) => {
  const { on = hosts.servers.map((server) => server.name), ports = {} } = options
  const service = (each: string) => ({
    build: { context: `./${each}` },
    hosts: on,
    ports: ports[each] === undefined ? [] : [ports[each]],
    health
  })
  const services = Object.fromEntries(Object.keys(pages).map((each) => [each, service(each)]))
  const project = writeProject(hosts, { name, image: { page: pages["web"] ?? "" }, config: { services } })
  const change = (service: string, image: ImageOptions) => writeContext(join(project.root, service), image)
  for (const [each, page] of Object.entries(pages)) change(each, { page })
  return { ...project, change }
}

/** What a container gets from a URL. */
const fetched = async (host: Host, container: string, url: string): Promise<string> => {
  const busybox = "/bin/busybox"
  const words = [host.engine, "exec", container, busybox, "timeout", "5", busybox, "wget", "-qO-", url]
  const got = await host.try(words)
  return got.code === 0 ? got.stdout : "nothing"
}

/** The same on every server. */
const everywhere = (container: string, url: string) =>
  Promise.all(hosts.servers.map((server) => fetched(server, container, url)))
/**
 * Waits until it is the same page on every server. With podman 4.3 and the netavark of Debian 12, the bridge's hardware
 * address changes when a container starts or stops, and containers reach its DNS server again only after some seconds.
 */
const found = (container: string, url: string, page: string) =>
  until(
    () => everywhere(container, url),
    (pages) => pages.every((each) => each === page)
  )
const three = <A>(value: A) => [value, value, value]

/** The networks of a project, by what their names contain. */
const networks = async (host: Host, name: string) => {
  const listed = await host.run([host.engine, "network", "ls", "--format", "{{.Name}}"])
  return listed.split("\n").filter((each) => each === name)
}

/** The address of a container: by its label, and as it is. */
const address = async (host: Host, container: string) => {
  const format = '{{index .Config.Labels "jiji.address"}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
  const [label, real] = (await host.run([host.engine, "inspect", "--format", format, container])).split(" ")
  return { label, real }
}
const addresses = (container: string) => Promise.all(hosts.servers.map((server) => address(server, container)))

const shop = () => write("shop", { web: "the web page", api: "the api page", queue: "the queue page" })

test("services of a project reach each other by name, and a redeploy keeps it so", async () => {
  const project = shop()
  done(await project.jiji(["deploy"]))
  await found("shop-web", "http://api/", "the api page")
  await found("shop-api", "http://web/", "the web page")
  project.change("api", { page: "the new api page" })
  const again = done(await project.jiji(["deploy"]))
  expect(outcomes(again).filter((line) => line.startsWith("api"))).toEqual(
    ["h1", "h2", "h3"].map((server) => `api ${server}: replaced`)
  )
  await found("shop-web", "http://api/", "the new api page")
  expect(outcomes(done(await project.jiji(["deploy"]))).every((line) => line.endsWith("unchanged"))).toBe(true)
})

test("no other project's containers are found under any name", async () => {
  done(await write("other", { web: "the other web page", mail: "the mail page" }).jiji(["deploy"]))
  await found("other-mail", "http://web/", "the other web page")
  await found("shop-api", "http://web/", "the web page")
  for (const name of ["mail", "other-mail"]) {
    expect(await everywhere("shop-web", `http://${name}/`)).toEqual(three("nothing"))
  }
  for (const name of ["queue", "shop-queue", "shop-web"]) {
    expect(await everywhere("other-mail", `http://${name}/`)).toEqual(three("nothing"))
  }
})

test("containers have the address of their label, also after a restart", async () => {
  const before = await addresses("shop-api")
  for (const { label, real } of before) expect(real).toBe(label)
  const started = (host: Host) => host.run([host.engine, "inspect", "--format", "{{.State.StartedAt}}", "shop-api"])
  const times = await Promise.all(hosts.servers.map(started))
  const startAgain = await stopEngine(hosts.server("h1"), "SIGTERM")
  await startAgain()
  for (const name of ["h2", "h3"]) {
    const all = (await hosts.server(name).containers()).map((each) => each.name)
    await hosts.server(name).run(["podman", "stop", "--time", "1", ...all])
    // In another order, so that the engine would give other addresses.
    await hosts.server(name).run(["podman", "start", ...all.toReversed()])
  }
  await found("shop-web", "http://api/", "the new api page")
  const after = await Promise.all(hosts.servers.map(started))
  for (const [index, time] of after.entries()) expect(time).not.toBe(times[index] ?? "")
  expect(await addresses("shop-api")).toEqual(before)
})

test("a container of an older version of jiji is replaced, because of its network", async () => {
  for (const { engine, name } of hosts.servers) {
    const host = hosts.server(name)
    const format = "{{.Image}} {{json .Config.Labels}}"
    const described = await host.run([engine, "inspect", "--format", format, "shop-web"])
    const [image = "", json = ""] = [described.split(" ")[0], described.slice(described.indexOf(" ") + 1)]
    // The test wrote these labels, through jiji.
    const labels = JSON.parse(json) as Record<string, string>
    const { network: _, ...parts } = JSON.parse(labels["jiji.parts"] ?? "") as Record<string, unknown>
    const old = { ...labels, "jiji.parts": JSON.stringify(parts), "jiji.config": "of-an-older-version" }
    const words = Object.entries(old)
      .filter(([key]) => key.startsWith("jiji.") && key !== "jiji.address")
      .flatMap(([key, value]) => ["--label", `${key}=${value}`])
    await host.run([engine, "rm", "--force", "shop-web"])
    const policy = engine === "docker" ? "unless-stopped" : "always"
    await host.run([engine, "run", "--detach", "--name", "shop-web", "--restart", policy, ...words, image])
  }
  expect(await everywhere("shop-api", "http://web/")).toEqual(three("nothing"))
  const project = shop()
  project.change("api", { page: "the new api page" })
  const run = done(await project.jiji(["deploy"]))
  expect(outcomes(run)).toEqual([
    ...["h1", "h2", "h3"].map((server) => `api ${server}: unchanged`),
    ...["h1", "h2", "h3"].map((server) => `queue ${server}: unchanged`),
    ...["h1", "h2", "h3"].map((server) => `web ${server}: replaced`)
  ])
  expect(run.stdout.match(/replace web: network, keep api/g) ?? [run.stdout]).toHaveLength(3)
  await found("shop-api", "http://web/", "the web page")
})

test("a service that publishes a port is tried, replaced and found", async () => {
  const project = write("ports", { web: "v1", api: "api" }, { ports: { web: "8080:80" } })
  done(await project.jiji(["deploy"]))
  project.change("web", { page: "v2" })
  done(await project.jiji(["deploy"]))
  await found("ports-api", "http://web/", "v2")
  for (const server of hosts.servers) {
    expect((await containersOf(server, "ports")).map(({ name }) => name)).toEqual(["ports-api", "ports-web"])
    expect(await page(hosts, server, 8080)).toBe("v2")
  }
})

test("first deploys at the same time create each network once", async () => {
  const pair = write("pair", { web: "one", api: "two" })
  const third = write("third", { web: "three", api: "four" })
  const runs = await Promise.all([
    pair.jiji(["deploy", "-S", "web", "--wait", "2m"]),
    pair.jiji(["deploy", "-S", "api", "--wait", "2m"]),
    third.jiji(["deploy"])
  ])
  for (const run of runs) done(run)
  for (const server of hosts.servers) {
    for (const name of ["jiji-pair", "jiji-third"]) expect(await networks(server, name)).toEqual([name])
  }
  await found("pair-web", "http://api/", "two")
  await found("third-api", "http://web/", "three")
})

test("a network that does not belong to the project is not used, and nothing is started", async () => {
  for (const host of hosts.servers) await host.run([host.engine, "network", "create", "jiji-foreign"])
  const run = await write("foreign", { web: "x" }).jiji(["deploy"])
  expect(run.code).toBe(1)
  for (const { engine, name } of hosts.servers) {
    expect(run.stderr).toContain(`The network jiji-foreign on ${name} does not belong to this project.`)
    expect(run.stderr).toContain(`\`${engine} network rm jiji-foreign\``)
    expect(await containersOf(hosts.server(name), "foreign")).toEqual([])
  }
})

test("a server that cannot resolve names is reported with what to install", async () => {
  const h2 = hosts.server("h2")
  await h2.run(["mount", "--bind", "/dev/null", "/usr/lib/podman/aardvark-dns"])
  const project = write("nameless", { web: "x" }, { on: ["h2"] })
  const run = await project.jiji(["deploy"])
  expect(run.code).toBe(69)
  expect(run.stderr).toContain(
    "The containers on h2 cannot find each other by name: aardvark-dns is not installed there."
  )
  expect(await networks(h2, "jiji-nameless")).toEqual([])
  await h2.run(["umount", "/usr/lib/podman/aardvark-dns"])
  done(await project.jiji(["deploy"]))
})

test("an engine without a free subnet is reported with what to do", async () => {
  const h1 = hosts.server("h1")
  const more = (number: number) => h1.try(["docker", "network", "create", `filler-${number}`])
  let count = 0
  while ((await more(count)).code === 0) count++
  const project = write("crowded", { web: "x" }, { on: ["h1"] })
  const run = await project.jiji(["deploy"])
  expect(run.code).toBe(1)
  expect(run.stderr).toContain("docker on h1 has no free subnet for the project's network.")
  expect(run.stderr).toContain("`docker network prune`")
  await h1.run(["docker", "network", "prune", "--force"])
  expect(table(done(await project.jiji(["deploy"])))[0]).toMatchObject({ OUTCOME: "started" })
})

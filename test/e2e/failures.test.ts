import { beforeAll, expect, test } from "bun:test"
import type { Host, ServerHost } from "./Host.ts"
import type { ImageOptions } from "./Image.ts"
import { quietTraces, containersOf, done, outcomes, page, type Traces, untilQuiet, watchPage } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { until } from "../support/waiting.ts"
import { withApiOnly, withHosts } from "./withHosts.ts"

let quiet: Traces

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  quiet = await quietTraces(hosts)
})

/** One service for each of the three ways to replace a container. */
const write = (image: ImageOptions) => {
  // What never gets well has to be given up; what does, may take its time.
  const health = { timeout: image.crashes === true || image.healthcheck === "fails" ? "6s" : "60s" }
  const other = { build: { context: "./web" }, hosts: ["h1", "h2"], health }
  return writeProject(hosts, {
    name: "shop",
    image,
    config: {
      services: {
        web: { ports: ["8080:80"], health },
        data: { ...other, ports: ["8081:80"], volumes: ["files:/data"] },
        worker: other
      }
    }
  })
}

/**
 * Podman's netavark in Debian 12 derives the address of its bridge from those of its ports. Each time it changes because
 * a container starts or stops, open connections stall for seconds. Newer versions set it once, as this does.
 */
const holdBridge = (server: ServerHost) => {
  const hold = 'set -- $(ip -brief link show type bridge | grep podman) && ip link set "$1" address "$3"'
  return server.run(["sh", "-c", hold])
}

const all = () => Promise.all(hosts.servers.map((server) => containersOf(server, "shop")))

test.each<[string, ImageOptions]>([
  ["crashes when it starts", { page: "no DATABASE_URL is set", crashes: true }],
  ["fails its health check", { page: "unwell", healthcheck: "fails" }]
])("keeps the old container serving when the new one %s, for each replacement strategy", async (_, image) => {
  done(await write({ page: "good" }).jiji(["deploy"]))
  const before = await all()
  expect(before.map((containers) => containers.map(({ name, state }) => `${name} ${state}`))).toEqual(
    hosts.servers.map(() => ["shop-data running", "shop-web running", "shop-worker running"])
  )
  await holdBridge(hosts.server("h2"))
  const watches = hosts.servers.map((server) => watchPage(hosts, server, 8080))
  const run = await write(image).jiji(["deploy"])
  const seen = (await Promise.all(watches.map((watch) => watch.stop("good")))).map((pages) => [...new Set(pages)])
  expect(run.code).toBe(1)
  // A service with ports and without volumes is tried first, so nobody notices.
  expect(seen).toEqual([["good"], ["good"]])
  expect(await all()).toEqual(before)
  for (const server of hosts.servers) {
    expect(await page(hosts, server, 8080)).toBe("good")
    await until(
      () => page(hosts, server, 8081),
      (got) => got === "good"
    )
  }
  expect(outcomes(run)).toEqual([
    "data h1: failed",
    "data h2: failed",
    "web h1: failed",
    "web h2: failed",
    "worker h1: failed",
    "worker h2: failed"
  ])
  expect(run.stderr).toContain("the old one keeps running")
  // One line for each time the engine started it.
  if (image.crashes === true) expect(run.stderr).toMatch(/Last log lines:\n( {2}\| (no DATABASE_URL is set)+\n)+/)
  await untilQuiet(hosts, quiet)
})

test("the next good deploy replaces all containers, and the page is only unavailable while they switch", async () => {
  const watches = hosts.servers.map((server) => watchPage(hosts, server, 8080))
  expect(outcomes(done(await write({ page: "better" }).jiji(["deploy"])))).toEqual([
    "data h1: replaced",
    "data h2: replaced",
    "web h1: replaced",
    "web h2: replaced",
    "worker h1: replaced",
    "worker h2: replaced"
  ])
  for (const watch of watches) {
    const pages = (await watch.stop("better")).filter((page, index, all) => page !== all[index - 1])
    // Old pages, then perhaps failures while the port switches, then new pages, and never the old one again.
    expect(["good better", "good FAILED better"]).toContain(pages.join(" "))
  }
  for (const server of hosts.servers) expect(await page(hosts, server, 8081)).toBe("better")
})

withApiOnly(() => {
  test("deploys to the other servers when one fails, and the next run repairs it", async () => {
    const project = (version: string) =>
      writeProject(hosts, {
        name: "marked",
        image: { page: version },
        config: {
          services: {
            web: {
              ports: ["8082:80"],
              volumes: ["/run/marker:/marker:ro"],
              command: [
                "/bin/busybox",
                "sh",
                "-c",
                "cat /marker/ok >&2 || exit 3; trap 'exit 0' TERM; httpd -f -p 80 -h /www & wait"
              ]
            }
          }
        }
      })
    const h1 = hosts.server("h1")
    const h2 = hosts.server("h2")
    for (const server of hosts.servers) await server.run(["sh", "-c", "mkdir -p /run/marker && touch /run/marker/ok"])
    done(await project("one").jiji(["deploy"]))
    await h1.run(["rm", "/run/marker/ok"])
    const run = await project("two").jiji(["deploy"])
    expect(run.code).toBe(1)
    expect(outcomes(run)).toEqual(["web h1: failed", "web h2: replaced"])
    expect(run.stderr).toContain("cat: can't open '/marker/ok'")
    expect(await page(hosts, h1, 8082)).toBe("one")
    expect(await page(hosts, h2, 8082)).toBe("two")
    await h1.run(["touch", "/run/marker/ok"])
    expect(outcomes(done(await project("two").jiji(["deploy"])))).toEqual(["web h1: replaced", "web h2: unchanged"])
    expect(await page(hosts, h1, 8082)).toBe("two")
  })
})

test("repairs what an interrupted switch left: a stopped old container, a running new one, a leftover trial", async () => {
  const names = ["renaming", "trying", "both", "creating", "renamed", "stopped"]
  const service = { build: { context: "./web" }, hosts: ["h1", "h2"], health: { running_for: "0s" } }
  const project = writeProject(hosts, {
    name: "cut",
    image: { page: "cut" },
    config: {
      services: {
        web: { ports: ["8089:80"], health: { running_for: "0s" } },
        ...Object.fromEntries(names.map((name, index) => [name, { ...service, ports: [`${8090 + index}:80`] }]))
      }
    }
  })
  done(await project.jiji(["deploy"]))
  const state = () => Promise.all(hosts.servers.map((server) => containersOf(server, "cut")))
  const before = await state()
  const cut = async (server: Host) => {
    const image = (await server.containers()).find(({ name }) => name === "cut-web")?.image ?? ""
    const engine = (...words: ReadonlyArray<string>) => server.run([server.engine, ...words])
    const make = (operation: "create" | "run", name: string, service: string) => {
      const labels = ["--label", "jiji.project=cut", "--label", `jiji.service=${service}`]
      return engine(operation, ...(operation === "run" ? ["--detach"] : []), "--name", name, ...labels, image)
    }
    // The old one is stopped and the next one runs. In the second case there is also a trial.
    for (const name of ["renaming", "both"]) {
      await engine("rename", `cut-${name}`, `cut-${name}-next`)
      await make("create", `cut-${name}`, name)
    }
    for (const name of ["trying", "both"]) await make("run", `cut-${name}-trial`, name)
    // The old one runs, the next one does not run yet.
    await make("create", "cut-creating-next", "creating")
    // The old one is gone, the next one runs.
    await engine("rename", "cut-renamed", "cut-renamed-next")
    // Nothing runs: the old one is stopped and the next one has not started.
    await engine("stop", "cut-stopped")
    await make("create", "cut-stopped-next", "stopped")
  }
  await Promise.all(hosts.servers.map(cut))
  done(await project.jiji(["deploy"]))
  const after = await state()
  const kept = (all: typeof before) => all.map((containers) => containers.filter(({ name }) => name !== "cut-stopped"))
  // The container that served is kept under its proper name. The others are gone.
  expect(kept(after)).toEqual(kept(before))
  for (const [index, server] of hosts.servers.entries()) {
    expect(after[index]?.filter(({ name }) => name === "cut-stopped")).toMatchObject([{ state: "running" }])
    for (const [index] of names.entries()) expect(await page(hosts, server, 8090 + index)).toBe("cut")
  }
})

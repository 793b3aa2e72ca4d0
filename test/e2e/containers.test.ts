import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Host } from "./Host.ts"
import { type Hosts, startHosts } from "./Hosts.ts"
import { containersOf, done, page, table } from "./observe.ts"
import { writeProject } from "./Project.ts"

setDefaultTimeout(120_000)

let hosts: Hosts

beforeAll(async () => {
  hosts = await startHosts({
    servers: [
      { name: "h1", engine: "docker" },
      { name: "h2", engine: "podman" }
    ]
  })
}, 120_000)
afterAll(() => hosts.close())

const inContainer = (host: Host, name: string, ...words: ReadonlyArray<string>) =>
  host.run([host.engine, "exec", name, "/bin/busybox", ...words])

const awkward = "first line\nsecond 'line' with \"quotes\" and `ticks` $HOME $(id) \\n back\\slash\nlast"

/** Every command line that any process of the machine has while something runs, in every namespace. */
const commandLinesDuring = async (work: Promise<unknown>): Promise<ReadonlySet<string>> => {
  const seen = new Set<string>()
  const ended = work.then(() => true)
  while (!(await Promise.race([ended, Bun.sleep(1).then(() => false)]))) {
    for (const pid of readdirSync("/proc")) {
      if (!/^\d+$/.test(pid)) continue
      try {
        seen.add(readFileSync(`/proc/${pid}/cmdline`, "utf8"))
      } catch {
        // It has ended meanwhile.
      }
    }
  }
  return seen
}

const health = { running_for: "0s" }
const services = (log: string) => ({
  web: {
    health,
    environment: {
      clear: { CLEAR: 'it\'s $HOME and "more"', EMPTY: "", COUNT: 3, YES: true },
      secrets: ["AWKWARD", "FROM_FILE", "PATH_LIKE", "FROM_COMMAND", "HTTP_PROXY"]
    }
  },
  clear: { build: { context: "./web" }, hosts: ["h1", "h2"], health, environment: { clear: { LOG: log } } },
  secret: { build: { context: "./web" }, hosts: ["h1", "h2"], health, environment: { secrets: ["KEY"] } }
})
const image = { page: "env" }
const awkwardEnv = { AWKWARD: awkward, PATH_LIKE: "/opt/se cret/bin" }

test("clear and secret values arrive as they are, and a secret stands in no command line and no output", async () => {
  const project = writeProject(hosts, { name: "env", image, config: { services: services("info") } })
  const dotEnv = [
    'FROM_FILE="file-secret\\nof-two-lines"',
    "FROM_COMMAND=$(cat token)",
    "HTTP_PROXY=http://me:proxy-secret@127.0.0.1:1"
  ]
  writeFileSync(join(project.root, ".env"), dotEnv.join("\n"), { mode: 0o600 })
  writeFileSync(join(project.root, "token"), "of a command\n and its secret\n")
  const running = project.jiji(["deploy"], { env: { ...awkwardEnv, KEY: "one-secret" } })
  const lines = [...(await commandLinesDuring(running))]
  const run = done(await running)
  for (const server of hosts.servers) {
    const value = (name: string) => inContainer(server, "env-web", "sh", "-c", `printf %s "$${name}"`)
    expect(await value("AWKWARD")).toBe(awkward)
    expect(await value("FROM_FILE")).toBe("file-secret\nof-two-lines")
    expect(await value("PATH_LIKE")).toBe("/opt/se cret/bin")
    expect(await value("FROM_COMMAND")).toBe("of a command\n and its secret")
    expect(await value("HTTP_PROXY")).toBe("http://me:proxy-secret@127.0.0.1:1")
    expect(await value("CLEAR")).toBe('it\'s $HOME and "more"')
    expect(await value("{EMPTY-unset}")).toBe("")
    expect(await value("COUNT")).toBe("3")
    expect(await value("YES")).toBe("true")
  }
  // What is sampled does show the commands of either machine.
  expect(lines.some((line) => line.includes("\0pull\0"))).toBe(true)
  expect(lines.some((line) => line.includes("\0create\0"))).toBe(true)
  for (const secret of [
    "second 'line'",
    "file-secret",
    "of-two-lines",
    "se cret",
    "one-secret",
    "its secret",
    "proxy-secret"
  ]) {
    expect(lines.filter((line) => line.includes(secret))).toEqual([])
    expect(run.stdout + run.stderr).not.toContain(secret)
  }
})

test("a changed secret or variable replaces the container, the same values do not", async () => {
  const project = writeProject(hosts, { name: "env", image, config: { services: services("debug") } })
  const run = done(await project.jiji(["deploy"], { env: { ...awkwardEnv, KEY: "two-secret" } }))
  expect(
    table(run)
      .map(({ SERVICE, OUTCOME, WHY }) => `${SERVICE} ${OUTCOME}: ${WHY}`)
      .toSorted()
  ).toEqual([
    "clear replaced: environment: LOG",
    "clear replaced: environment: LOG",
    "secret replaced: secrets: KEY",
    "secret replaced: secrets: KEY",
    "web unchanged: -",
    "web unchanged: -"
  ])
  for (const server of hosts.servers) {
    expect(await inContainer(server, "env-clear", "sh", "-c", "echo $LOG")).toBe("debug")
    expect(await inContainer(server, "env-secret", "sh", "-c", "echo $KEY")).toBe("two-secret")
  }
})

test("volumes keep their data over deploys, and a command takes the place of the image's", async () => {
  const project = writeProject(hosts, {
    name: "data",
    image: { page: "one" },
    config: {
      services: {
        web: {
          ports: ["8082:80"],
          volumes: ["files:/data", "/run/shared:/shared:ro"],
          command: [
            "/bin/busybox",
            "sh",
            "-c",
            "trap 'exit 0' TERM; echo $((`cat /data/count` + 1)) >/data/count; httpd -f -p 80 -h /data & wait"
          ]
        }
      }
    }
  })
  for (const server of hosts.servers) await server.run(["mkdir", "-p", "/run/shared"])
  done(await project.jiji(["deploy"]))
  writeFileSync(join(project.root, "web/index.html"), "two")
  const second = done(await project.jiji(["deploy"]))
  expect(table(second).map(({ OUTCOME }) => OUTCOME)).toEqual(["replaced", "replaced"])
  for (const server of hosts.servers) {
    // Two containers, each alone with the data: no trial has counted.
    expect(await inContainer(server, "data-web", "cat", "/data/count")).toBe("2")
    expect((await server.run([server.engine, "volume", "ls", "--quiet"])).split("\n")).toContain("data_files")
  }
})

test("as many versions of the image are kept as retain says, and the older ones go, on docker and on podman", async () => {
  const project = writeProject(hosts, {
    name: "kept",
    image: { page: "v0" },
    config: {
      services: {
        web: { ports: ["8083:80"], retain: 2, health },
        // Its images have the other's name as the beginning of theirs.
        "web-two": { build: { context: "./web" }, hosts: ["h1", "h2"], health }
      }
    }
  })
  for (const version of ["v1", "v2", "v3"]) {
    writeFileSync(join(project.root, "web/index.html"), version)
    done(await project.jiji(["deploy", "--version", version]))
  }
  for (const server of hosts.servers) {
    expect(await page(hosts, server, 8083)).toBe("v3")
    const images = (await server.images()).filter((name) => /kept-|<none>/.test(name))
    expect(images.toSorted()).toEqual([
      "localhost:9270/kept-web-two:v1",
      "localhost:9270/kept-web-two:v2",
      "localhost:9270/kept-web-two:v3",
      "localhost:9270/kept-web:v2",
      "localhost:9270/kept-web:v3"
    ])
  }
})

test("a health check is awaited, on docker and on podman", async () => {
  const project = writeProject(hosts, {
    name: "healthy",
    image: { page: "healthy", healthcheck: "passes" },
    config: { services: { web: { ports: ["8085:80"] } } }
  })
  done(await project.jiji(["deploy"]))
  const [h1, h2] = hosts.servers
  if (h1 === undefined || h2 === undefined) throw new Error("two servers were started")
  const health = await h1.run(["docker", "inspect", "--format", "{{.State.Health.Status}}", "healthy-web"])
  expect(health).toBe("healthy")
  done(await h2.try(["podman", "healthcheck", "run", "healthy-web"]))
  expect(table(await project.jiji(["deploy"])).map(({ OUTCOME }) => OUTCOME)).toEqual(["unchanged", "unchanged"])
})

test("a container that does not become healthy in time is given up after health.timeout, and the old one serves on", async () => {
  const write = (healthcheck: "passes" | "never", timeout: string) => {
    const project = writeProject(hosts, {
      name: "slow",
      image: { page: healthcheck, healthcheck: "passes" },
      config: { services: { web: { ports: ["8086:80"], health: { timeout } } } }
    })
    const file = join(project.root, "web/Dockerfile")
    // Long enough between two checks that only the time limit can end the wait.
    if (healthcheck === "never") {
      writeFileSync(
        file,
        readFileSync(file, "utf8").replace(
          /HEALTHCHECK .*/,
          'HEALTHCHECK --interval=1s --retries=100 CMD ["/bin/busybox", "false"]'
        )
      )
    }
    return project
  }
  done(await write("passes", "60s").jiji(["deploy"]))
  const before = await Promise.all(hosts.servers.map((server) => containersOf(server, "slow")))
  const run = await write("never", "4s").jiji(["deploy"])
  expect(run.code).toBe(1)
  expect(run.stderr).toContain("was not healthy after 4 s")
  expect(run.stderr).toContain("health.timeout")
  expect(run.milliseconds).toBeGreaterThan(4_000)
  expect(run.milliseconds).toBeLessThan(15_000)
  expect(await Promise.all(hosts.servers.map((server) => containersOf(server, "slow")))).toEqual(before)
  for (const server of hosts.servers) expect(await page(hosts, server, 8086)).toBe("passes")
})

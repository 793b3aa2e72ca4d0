import { expect, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Host } from "./Host.ts"
import { containersOf, done, page, table, watchCommandLines } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })

const inContainer = (host: Host, name: string, ...words: ReadonlyArray<string>) =>
  host.run([host.engine, "exec", name, "/bin/busybox", ...words])

const awkward = "first line\nsecond 'line' with \"quotes\" and `ticks` $HOME $(id) \\n back\\slash\nlast"

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

test("passes clear and secret values unchanged, and shows secrets in no command line and no output", async () => {
  const project = writeProject(hosts, { name: "env", image, config: { services: services("info") } })
  const dotEnv = [
    'FROM_FILE="file-secret\\nof-two-lines"',
    "FROM_COMMAND=$(cat token)",
    "HTTP_PROXY=http://me:proxy-secret@127.0.0.1:1"
  ]
  writeFileSync(join(project.root, ".env"), dotEnv.join("\n"), { mode: 0o600 })
  writeFileSync(join(project.root, "token"), "of a command\n and its secret\n")
  const commandLines = watchCommandLines()
  const run = done(await project.jiji(["deploy"], { env: { ...awkwardEnv, KEY: "one-secret" } }))
  const lines = await commandLines.stop()
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
  // The sample does contain commands of both machines.
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

test("replaces a container when a secret or variable changes, and only then", async () => {
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

test("keeps the data of volumes across deploys, and overrides the image's command", async () => {
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
    // Two containers, one after the other: no trial container has counted.
    expect(await inContainer(server, "data-web", "cat", "/data/count")).toBe("2")
    expect((await server.run([server.engine, "volume", "ls", "--quiet"])).split("\n")).toContain("data_files")
  }
})

test("keeps as many image versions as `retain` says, and removes older ones", async () => {
  const project = writeProject(hosts, {
    name: "kept",
    image: { page: "v0" },
    config: {
      services: {
        web: { ports: ["8083:80"], retain: 2, health },
        // The names of its images start with the name of the other service.
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

test("waits for the image's health check", async () => {
  const project = writeProject(hosts, {
    name: "healthy",
    image: { page: "healthy", healthcheck: "passes" },
    config: { services: { web: { ports: ["8085:80"] } } }
  })
  done(await project.jiji(["deploy"]))
  const health = await hosts
    .server("h1")
    .run(["docker", "inspect", "--format", "{{.State.Health.Status}}", "healthy-web"])
  expect(health).toBe("healthy")
  await hosts.server("h2").run(["podman", "healthcheck", "run", "healthy-web"])
  expect(table(await project.jiji(["deploy"])).map(({ OUTCOME }) => OUTCOME)).toEqual(["unchanged", "unchanged"])
})

test("keeps the old container when the new one is not healthy within health.timeout", async () => {
  const write = (healthcheck: "passes" | "never", timeout: string) => {
    const project = writeProject(hosts, {
      name: "slow",
      image: { page: healthcheck, healthcheck: "passes" },
      config: { services: { web: { ports: ["8086:80"], health: { timeout } } } }
    })
    const file = join(project.root, "web/Dockerfile")
    // So many retries that only the time limit can end the wait.
    if (healthcheck === "never") {
      writeFileSync(
        file,
        readFileSync(file, "utf8").replace(
          /HEALTHCHECK .*/,
          'HEALTHCHECK --interval=1s --retries=100 CMD ["/bin/busybox", "sh", "-c", "echo asked >/proc/1/fd/2; false"]'
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
  // The check ran more than once on both servers, but not a hundred times.
  expect(run.stderr.match(/ \| asked/g)?.length).toBeWithin(4, 30)
  expect(await Promise.all(hosts.servers.map((server) => containersOf(server, "slow")))).toEqual(before)
  for (const server of hosts.servers) expect(await page(hosts, server, 8086)).toBe("passes")
})

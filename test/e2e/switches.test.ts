import { kill } from "../support/processes.ts"
import { beforeAll, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { interruptUntilExit, until } from "../support/waiting.ts"
import type { ServerHost } from "./Host.ts"
import { quietTraces, containersOf, done, page, type Traces, untilQuiet } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

let quiet: Traces

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  quiet = await quietTraces(hosts)
})

const serve = "httpd -f -p 80 -h /www"
const stubborn = `trap '' TERM; ${serve} & while :; do sleep 1; done`
const command = (script: string) => ["/bin/busybox", "sh", "-c", script]

/** A service on port 8080 that runs a script. `files` is a volume. */
const write = (version: string, script: string, more: Record<string, unknown> = {}) =>
  writeProject(hosts, {
    name: "shop",
    image: { page: version },
    config: { services: { web: { command: command(script), health: { running_for: "0s", timeout: "60s" }, ...more } } }
  })

const names = async (server: ServerHost) =>
  (await containersOf(server, "shop")).map(({ name, state }) => `${name} ${state}`)

/** Starts a deploy that replaces a stubborn container, and waits until it is being stopped on both servers. */
const stopping = async (more?: Record<string, unknown>) => {
  done(await write("old", stubborn, more).jiji(["deploy"]))
  const project = write("new", `trap 'exit 0' TERM; ${serve} & wait`, more)
  const run = project.start(["deploy"])
  for (const server of hosts.servers) {
    await until(
      () => server.processes().some(({ words }) => words[1] === "stop"),
      (isStopping) => isStopping
    )
  }
  return run
}

const oldServes = async () => {
  for (const server of hosts.servers) {
    expect(
      await until(
        () => page(hosts, server),
        (got) => got === "old"
      )
    ).toBe("old")
    expect(await names(server)).toEqual(["shop-web running"])
  }
}

for (const [service, more] of [
  ["a service with ports", {}],
  ["a service with data", { volumes: ["files:/data"] }]
] as const)
  test.each<NodeJS.Signals>(["SIGINT", "SIGTERM", "SIGHUP"])(
    `%s while the old container of ${service} stops: jiji waits until it serves again, and says so`,
    async (signal) => {
      const run = await stopping(more)
      run.kill(signal)
      const ended = await run.done
      // Right after the exit, with nothing left to happen.
      for (const server of hosts.servers) expect(await names(server)).toEqual(["shop-web running"])
      expect(ended.code).toBe(130)
      for (const { name } of hosts.servers) {
        expect(ended.stdout).toContain(`${name}: putting the old container of web back`)
      }
      expect(ended.stdout).not.toContain("continues without jiji")
      await oldServes()
      await untilQuiet(hosts, quiet)
    }
  )

test("a second Ctrl-C names what the servers go on doing", async () => {
  // A container with data gets its ten seconds.
  const run = await stopping({ volumes: ["files:/data"] })
  run.kill("SIGINT")
  await run.waitFor("h1: putting the old container of web back")
  await run.waitFor("h2: putting the old container of web back")
  await interruptUntilExit(() => run.kill("SIGINT"), run.done)
  const { stderr } = await run.done
  expect(stderr).toContain("exited immediately")
  for (const { name } of hosts.servers) {
    expect(stderr).toContain(`${name} continues without jiji: putting the old container of web back`)
  }
  await untilQuiet(hosts, quiet)
  await oldServes()
})

test("a connection that is lost at the switch names what the server goes on doing", async () => {
  const run = await stopping()
  for (const server of hosts.servers) {
    for (const { pid, words } of server.processes()) if (words[0]?.startsWith("sshd: root@") === true) kill(pid)
  }
  const ended = await run.done
  expect(ended.code).toBe(69)
  for (const { name } of hosts.servers) {
    expect(ended.stdout).toContain(`${name} continues without jiji: putting the old container of web back`)
  }
  await untilQuiet(hosts, quiet)
  await oldServes()
})

test("an unhealthy service does not make another one on the same server wait", async () => {
  const worker = { build: { context: "./web" }, hosts: ["h1", "h2"], health: { running_for: "0s" } }
  const project = (version: string, web: string) => {
    const made = writeProject(hosts, {
      name: "shop",
      image: { page: version },
      config: {
        services: {
          web: { command: command(web), health: { running_for: "0s", timeout: "300s" } },
          worker: { ...worker, environment: { clear: { VERSION: version } } }
        }
      }
    })
    writeFileSync(join(made.root, "web/index.html"), version)
    return made
  }
  // Nothing listens on the published port, so web waits for a long time.
  const web = project("slow", "sleep 1000 & wait").start(["deploy"])
  for (const server of hosts.servers) {
    await web.waitFor(`${server.name} worker deploy: done`)
    await until(
      () => names(server),
      (all) => all.includes("shop-web-trial running") && all.includes("shop-worker running")
    )
  }

  // A second deploy says who it waits for.
  const second = project("second", "sleep 1000 & wait").start(["deploy", "-S", "web", "--wait", "5m"])
  await second.waitFor(/waiting: \S+ on \S+ is running deploy of shop on h[12].* since .* UTC \(run \S+\)/)
  second.kill("SIGINT")
  web.kill("SIGINT")
  await second.done
  expect((await web.done).code).toBe(130)
  await oldServesBesideWorker()
  await untilQuiet(hosts, quiet)
})

const oldServesBesideWorker = async () => {
  for (const server of hosts.servers) {
    expect(await names(server)).toEqual(["shop-web running", "shop-worker running"])
    expect(await page(hosts, server)).toBe("old")
  }
}

test("a wrong port fails the deploy before the old container stops, and the error names the port that is open", async () => {
  const run = await write("wrong", `trap 'exit 0' TERM; httpd -f -p 81 -h /www & wait`, {
    health: { running_for: "0s", timeout: "3s" }
  }).jiji(["deploy", "-S", "web"])
  expect(run.code).toBe(1)
  expect(run.stderr).toContain(
    "accepts no connections on port 80 after 3 s; it listens on 81; the old one keeps running"
  )
  for (const server of hosts.servers) expect(await page(hosts, server)).toBe("old")
})

test("a container that cannot start fails with the reason, and on a first deploy nothing keeps running", async () => {
  const project = writeProject(hosts, {
    name: "first",
    image: { page: "x" },
    config: { services: { web: { ports: ["8090:80"], command: ["/nope"] } } }
  })
  const run = await project.jiji(["deploy"])
  expect(run.code).toBe(1)
  for (const { name } of hosts.servers) {
    expect(run.stderr).toMatch(
      new RegExp(
        `The new container of web on ${name} cannot start: .*/nope.*[Nn]o such file or directory. No container of web runs on ${name} now\\.`
      )
    )
  }
  expect(run.stderr).not.toContain("keeps running")
  for (const server of hosts.servers) expect(await containersOf(server, "first")).toEqual([])
})

test("a crash is reported with its exit code, and an unhealthy container with what its health check printed", async () => {
  const health = { running_for: "2s", timeout: "20s" }
  const crashing = writeProject(hosts, {
    name: "first",
    image: { page: "no database", crashes: true },
    config: { services: { web: { ports: ["8090:80"], health } } }
  })
  const crashed = await crashing.jiji(["deploy"])
  for (const { name } of hosts.servers) {
    // Podman may have restarted it already.
    const reason = "(stopped with exit code 3|crashed with exit code 3 and was restarted)"
    expect(crashed.stderr).toMatch(new RegExp(`The new container of web on ${name} ${reason}\\. No container`))
  }

  const sick = writeProject(hosts, {
    name: "first",
    image: { page: "x" },
    config: { services: { web: { ports: ["8090:80"], health: { timeout: "6s" } } } }
  })
  const dockerfile = join(sick.root, "web/Dockerfile")
  const check = 'HEALTHCHECK --interval=1s --retries=2 CMD ["/bin/busybox", "sh", "-c", "echo no queue; false"]\nCMD'
  writeFileSync(dockerfile, (await Bun.file(dockerfile).text()).replace("CMD", check))
  const run = await sick.jiji(["deploy"])
  expect(run.code).toBe(1)
  for (const { name } of hosts.servers) {
    expect(run.stderr).toMatch(
      new RegExp(`The new container of web on ${name} .* Its health check reports:\n.*no queue`)
    )
  }
  await untilQuiet(hosts, quiet)
})

import { beforeAll, expect, test } from "bun:test"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { until } from "../support/waiting.ts"
import type { ServerHost } from "./Host.ts"
import { containersOf, done, outcomes } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
const image = "localhost/proxy:1"
beforeAll(() => buildProxyImage(hosts.operator, { name: image }))

/** Answers a second and a half after a request has come in. */
const slow =
  "#!/bin/busybox sh\nsleep 1.5\nprintf 'Content-Type: text/plain\\r\\n\\r\\nslow %s' \"$(cat /www/index.html)\"\n"

/** Takes a websocket, and writes a line to it again and again. */
const socket =
  "#!/bin/busybox sh\n" +
  "printf 'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n'\n" +
  "while printf 'tick\\n'; do sleep 0.1; done\n"

const serve = "trap 'exit 0' TERM; httpd -f -p 80 -h /www & nc -ll -p 81 -e /socket & wait"

/** A project with a service behind the proxy, which answers with its version. */
const write = (version: string, more: Record<string, unknown> = {}, name = "shop"): TestProject => {
  const project = writeProject(hosts, {
    name,
    image: { page: version },
    config: {
      proxy: { image },
      services: {
        web: {
          ports: [],
          command: ["/bin/busybox", "sh", "-c", serve],
          proxy: { hosts: [`${name}.test`], port: 80, tls: "off" },
          health: { path: "/", running_for: "0s", timeout: "60s" },
          ...more
        }
      }
    }
  })
  const context = join(project.root, "web")
  writeFileSync(join(context, "slow"), slow, { mode: 0o755 })
  writeFileSync(join(context, "socket"), socket, { mode: 0o755 })
  const dockerfile = readFileSync(join(context, "Dockerfile"), "utf8")
  const copies = "COPY slow /www/cgi-bin/slow\nCOPY socket /socket\nCMD"
  writeFileSync(join(context, "Dockerfile"), dockerfile.replace("CMD", copies))
  return project
}

const get = async (server: ServerHost, path = "/", host = "shop.test") => {
  const words = ["curl", "--silent", "--show-error", "--max-time", "20", "--header", `Host: ${host}`]
  const { stderr, stdout } = await hosts.operator.try([...words, `http://${server.ip}${path}`])
  return `${stdout}${stderr}`
}

const names = async (server: ServerHost) =>
  (await containersOf(server, "shop")).map(({ name, state }) => `${name} ${state}`)

/** Lets each connection of wrk wait between two requests. */
const pace = "function delay() return 20 end\n"

/**
 * Sends 500 requests a second to a server until it is stopped, half of them on connections that are kept. Returns how many
 * were answered, and what wrk says of those that were not.
 */
const load = (server: ServerHost) => {
  const script = join(hosts.folder, "pace.lua")
  writeFileSync(script, pace)
  const start = (...more: ReadonlyArray<string>) => {
    const words = [..."wrk -t 1 -c 5 -d 300s --timeout 20s -s".split(" "), script, "-H", "Host: shop.test", ...more]
    return hosts.operator.start([...words, `http://${server.ip}/`])
  }
  const runs = [start(), start("-H", "Connection: close")]
  return async () => {
    for (const run of runs) run.kill("SIGINT")
    const all = await Promise.all(runs.map(({ done }) => done))
    return {
      answered: all.map(({ stdout }) => Number(/(\d+) requests in/.exec(stdout)?.[1])),
      failed: all.flatMap(({ stdout }) => stdout.match(/Socket errors:.*|Non-2xx.*/g) ?? [])
    }
  }
}

test("a redeploy under load fails no request, on new connections and on those that are kept", async () => {
  done(await write("v0").jiji(["deploy"]))
  const stops = hosts.servers.map(load)
  for (const version of ["v1", "v2"]) {
    const run = done(await write(version).jiji(["deploy"]))
    expect(outcomes(run)).toEqual(["web h1: replaced", "web h2: replaced"])
    for (const server of hosts.servers) expect(await get(server)).toBe(version)
  }
  for (const stop of stops) {
    const { answered, failed } = await stop()
    expect(failed).toEqual([])
    for (const count of answered) expect(count).toBeGreaterThan(100)
  }
  for (const server of hosts.servers) expect(await names(server)).toEqual(["shop-web running"])
})

test("a request that began before the switch ends well, and a new one goes to the new container", async () => {
  const run = write("v4", { drain: "20s" }).start(["deploy"])
  // Requests that begin at any moment, until the deploy is done.
  const slowAnswers: Array<Promise<string>> = []
  const isOver = run.done.then(() => true)
  await until(
    () => {
      for (const server of hosts.servers) slowAnswers.push(get(server, "/cgi-bin/slow"))
      return Promise.race([isOver, Bun.sleep(100).then(() => false)])
    },
    (over) => over
  )
  done(await run.done)
  const got = await Promise.all(slowAnswers)
  expect(got.filter((answer) => !/^slow v[24]$/.test(answer))).toEqual([])
  expect(new Set(got)).toEqual(new Set(["slow v2", "slow v4"]))
})

test("a service that answers with an error keeps its old container, and the answer is shown", async () => {
  const run = await write("v5", { health: { path: "/missing", timeout: "3s", running_for: "0s" } }).jiji(["deploy"])
  expect(run.code).toBe(1)
  expect(run.stderr).toMatch(
    /answers GET \/missing with 404 after 3 s; the old one keeps running\. Its answer begins with:/
  )
  for (const server of hosts.servers) {
    expect(await get(server)).toBe("v4")
    expect(await names(server)).toEqual(["shop-web running"])
  }
})

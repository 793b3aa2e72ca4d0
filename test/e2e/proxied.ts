import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { ServerHost } from "./Host.ts"
import type { Hosts } from "./Hosts.ts"
import { type TestProject, writeProject } from "./Project.ts"

/** The image of the proxy, which {@link writeProxied} names. */
export const proxyImage = "localhost/proxy:1"

/** Answers after as many seconds as the query says, or after a second and a half. */
const slow =
  "#!/bin/busybox sh\nsleep ${QUERY_STRING:-1.5}\nprintf 'Content-Type: text/plain\\r\\n\\r\\nslow %s' \"$(cat /www/index.html)\"\n"

/** Takes a websocket, and writes a line to it again and again. */
const socket =
  "#!/bin/busybox sh\n" +
  "printf 'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n'\n" +
  "while printf 'tick\\n'; do sleep 0.1; done\n"

/** With VERSION, the page is this. So a new version needs no new image. */
const serve =
  '[ -z "$VERSION" ] || echo -n $VERSION >/www/index.html; ' +
  "trap 'exit 0' TERM; httpd -f -p 80 -h /www & nc -ll -p 81 -e /socket & wait"

/** A project with a service behind the proxy, which answers with its version. */
export const writeProxied = (
  hosts: Hosts,
  version: string,
  more: Record<string, unknown> = {},
  services: Record<string, unknown> = {},
  name = "shop"
): TestProject => {
  const web: Record<string, unknown> = {
    ports: [],
    command: ["/bin/busybox", "sh", "-c", serve],
    proxy: { hosts: [`${name}.test`], port: 80, tls: "off" },
    health: { path: "/", running_for: "0s", timeout: "60s" },
    ...more
  }
  // Where nothing is behind the proxy, deploy.yml may not have its settings.
  const settings = web["proxy"] === undefined ? {} : { proxy: { image: proxyImage } }
  const project = writeProject(hosts, {
    name,
    image: { page: version },
    config: { ...settings, services: { web, ...services } }
  })
  const context = join(project.root, "web")
  writeFileSync(join(context, "slow"), slow, { mode: 0o755 })
  writeFileSync(join(context, "socket"), socket, { mode: 0o755 })
  const dockerfile = readFileSync(join(context, "Dockerfile"), "utf8")
  const copies = "COPY slow /www/cgi-bin/slow\nCOPY socket /socket\nCOPY socket /www/cgi-bin/socket\nCMD"
  writeFileSync(join(context, "Dockerfile"), dockerfile.replace("CMD", copies))
  return project
}

/** A service behind the proxy of some servers, which answers with its version. */
export const proxiedService = (host: string, version: string, more: Record<string, unknown> = {}) => ({
  build: { context: "./web" },
  ports: [],
  command: ["/bin/busybox", "sh", "-c", serve],
  environment: { clear: { VERSION: version } },
  proxy: { hosts: [host], port: 80, tls: "off" },
  health: { path: "/", running_for: "0s", timeout: "60s" },
  ...more
})

/** Opens a websocket through a server's proxy, and prints what comes until it closes. */
export const openSocket = async (hosts: Hosts, server: ServerHost, name: string, path = "/") => {
  const request = [
    `GET ${path} HTTP/1.1`,
    `Host: ${name}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "",
    ""
  ].join("\r\n")
  const program = `const socket = require("node:net").connect(80, "${server.ip}", () => socket.write(${JSON.stringify(request)}))
    socket.on("data", (data) => process.stdout.write(data))
    socket.on("close", () => process.exit(0))`
  const open = hosts.operator.start([process.execPath, "-e", program])
  await open.waitFor("tick")
  return open
}

/** Lets each connection of wrk wait between two requests. */
const pace = "function delay() return 20 end\n"

/**
 * Sends 500 requests a second to a server until it is stopped, half of them on connections that are kept. Returns how many
 * were answered, and what wrk says of those that were not.
 */
export const load = (hosts: Hosts, server: ServerHost, name = "shop.test", url = `http://${server.ip}/`) => {
  const script = join(hosts.folder, "pace.lua")
  writeFileSync(script, pace)
  const start = (...more: ReadonlyArray<string>) => {
    const words = [..."wrk -t 1 -c 6 -d 300s --timeout 20s -s".split(" "), script, "-H", `Host: ${name}`, ...more]
    return hosts.operator.start([...words, url])
  }
  const runs = [start(), start("-H", "Connection: close")]
  return async () => {
    for (const run of runs) run.kill("SIGINT")
    const all = await Promise.all(runs.map(({ done }) => done))
    return {
      answered: all.map(({ stdout }) => Number(/(\d+) requests in/.exec(stdout)?.[1])),
      failed: all.flatMap(({ stdout }) => stdout.match(/Socket errors:.*|Non-2xx.*/g) ?? []),
      /** How many failed on connections that are kept, and on new ones. */
      failures: all.map(({ stdout }) => {
        const counts = [...stdout.matchAll(/(?:connect|read|write|timeout|responses:) (\d+)/g)]
        return counts.reduce((sum, [, count]) => sum + Number(count), 0)
      })
    }
  }
}

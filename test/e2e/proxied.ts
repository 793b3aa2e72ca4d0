import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { ServerHost } from "./Host.ts"
import type { Hosts } from "./Hosts.ts"
import { type TestProject, writeProject } from "./Project.ts"

/** The image of the proxy, which {@link writeProxied} names. */
export const proxyImage = "localhost/proxy:1"

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
export const writeProxied = (
  hosts: Hosts,
  version: string,
  more: Record<string, unknown> = {},
  services: Record<string, unknown> = {}
): TestProject => {
  const name = "shop"
  const project = writeProject(hosts, {
    name,
    image: { page: version },
    config: {
      proxy: { image: proxyImage },
      services: {
        web: {
          ports: [],
          command: ["/bin/busybox", "sh", "-c", serve],
          proxy: { hosts: [`${name}.test`], port: 80, tls: "off" },
          health: { path: "/", running_for: "0s", timeout: "60s" },
          ...more
        },
        ...services
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

/** Lets each connection of wrk wait between two requests. */
const pace = "function delay() return 20 end\n"

/**
 * Sends 500 requests a second to a server until it is stopped, half of them on connections that are kept. Returns how many
 * were answered, and what wrk says of those that were not.
 */
export const load = (hosts: Hosts, server: ServerHost, name = "shop.test") => {
  const script = join(hosts.folder, "pace.lua")
  writeFileSync(script, pace)
  const start = (...more: ReadonlyArray<string>) => {
    const words = [..."wrk -t 1 -c 5 -d 300s --timeout 20s -s".split(" "), script, "-H", `Host: ${name}`, ...more]
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

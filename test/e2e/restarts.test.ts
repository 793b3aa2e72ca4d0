import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import type { Host } from "./Host.ts"
import { done } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { until } from "../support/waiting.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker" })

const daemon = (host: Host) => host.processes().find(({ words }) => words[0] === "/usr/sbin/dockerd")

/** Ends a host's engine. The returned function starts it again. */
const stopEngine = async (host: Host, signal: NodeJS.Signals) => {
  const dockerd = daemon(host)
  if (dockerd === undefined) throw new Error(`dockerd does not run on ${host.name}`)
  const directory = readFileSync(`/proc/${dockerd.pid}/environ`, "utf8").match(/TMPDIR=([^\0]*)/)?.[1] ?? "/tmp"
  process.kill(dockerd.pid, signal)
  await until(() => daemon(host) === undefined)
  return async () => {
    // A killed engine leaves its file with its process id, and would not start with it.
    await host.run(["rm", "-f", "/var/run/docker.pid"])
    host.start(dockerd.words, { env: { TMPDIR: directory }, timeout: 120_000 })
    await until(
      () => host.try(["docker", "version"]),
      ({ code }) => code === 0
    )
  }
}

for (const signal of ["SIGTERM", "SIGKILL"] as const)
  test(`an engine that ends with ${signal} during a pull is not called a registry that is lost`, async () => {
    const h1 = hosts.server("h1")
    const line = await hosts.slowLink({ to: "h1", delay: 5, bytesPerSecond: 4_000_000 })
    const project = writeProject(hosts, {
      name: "shop",
      image: { page: crypto.randomUUID(), megabytes: 32 },
      config: { servers: { h1: { host: "127.0.0.1", port: line.port } } }
    })
    const before = h1.receivedBytes()
    const run = project.start(["deploy"])
    await until(() => h1.receivedBytes() - before > 4_000_000)
    const startAgain = await stopEngine(h1, signal)
    const ended = await run.done
    expect(ended.code).toBe(69)
    expect(ended.stderr).toMatch(
      /^error: docker stopped or restarted on h1 when it had to pull localhost:9270\/shop-web/m
    )
    expect(ended.stderr).toContain("`journalctl -u docker` on h1")
    await startAgain()
    done(await project.jiji(["deploy"]))
    await line.cut()
  })

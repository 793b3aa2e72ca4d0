import { expect, test } from "bun:test"
import { done } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { stopEngine } from "./stopEngine.ts"
import { until } from "../support/waiting.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker" })

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

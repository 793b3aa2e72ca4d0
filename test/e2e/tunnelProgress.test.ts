import { expect, test } from "bun:test"
import { join } from "node:path"
import { writeContext } from "./Image.ts"
import { done } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })

const megabyte = 1024 * 1024

interface Progress {
  readonly _tag: string
  readonly path: string
  readonly label?: string
  readonly bytes?: number
}

test("each of two pulls through one tunnel reports its own bytes", async () => {
  const project = writeProject(hosts, {
    name: "shop",
    image: { page: "web", megabytes: 2 },
    config: {
      services: {
        web: { ports: [], health: { running_for: "0s" } },
        api: { build: { context: "./api" }, hosts: ["h1", "h2"], health: { running_for: "0s" } }
      }
    }
  })
  writeContext(join(project.root, "api"), { page: "api", megabytes: 20 })
  const { stdout } = done(await project.jiji(["deploy", "--json"]))
  const events = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Progress)
  const last = (server: string, service: string, label: string) =>
    events.findLast(
      (event) =>
        event._tag === "StepProgress" &&
        event.label === label &&
        event.path.includes(`[${server}]`) &&
        (service === "" || event.path.includes(`[${service}]`))
    )?.bytes ?? 0
  for (const { name } of hosts.servers) {
    const [web, api] = [last(name, "web", "through the tunnel"), last(name, "api", "through the tunnel")]
    // The layer that both share, of two megabytes, is pulled with either of them.
    expect(web).toBeGreaterThan(2 * megabyte)
    expect(web).toBeLessThan(5 * megabyte)
    expect(api).toBeGreaterThan(20 * megabyte)
    expect(api).toBeLessThan(23 * megabyte)
    const all = last(name, "", "carried")
    expect(web + api).toBeLessThanOrEqual(all)
    // The rest is the engine's question whether there is a registry.
    expect(all - web - api).toBeLessThan(10_000)
  }
})

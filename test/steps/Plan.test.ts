import { describe, expect, test } from "bun:test"
import { Duration, Redacted } from "effect"
import type { Service } from "../../src/config/Project.ts"
import type { InspectedContainer } from "../../src/layers/docker/inspect.ts"
import { configHash, containerName, current, work } from "../../src/steps/Plan.ts"
import { image, project, server, service } from "./rehearsal.ts"

describe("configHash", () => {
  const base = service("web", ["web1"], {
    ports: ["80:80"],
    volumes: ["data:/data"],
    environment: { clear: { A: "1", B: "2" }, secrets: ["TOKEN", "KEY"] },
    command: ["serve"]
  })
  const secrets = new Map([
    ["TOKEN", Redacted.make("t")],
    ["KEY", Redacted.make("k")],
    ["OTHER", Redacted.make("o")]
  ])
  const hash = configHash(base, secrets)
  const { command: _, ...without } = base

  const different: ReadonlyArray<readonly [string, Service]> = [
    ["another port", { ...base, ports: ["81:80"] }],
    ["no port", { ...base, ports: [] }],
    ["another volume", { ...base, volumes: ["data:/data:ro"] }],
    ["another value of a variable", { ...base, environment: { ...base.environment, clear: { A: "1", B: "3" } } }],
    ["another name of a variable", { ...base, environment: { ...base.environment, clear: { A: "1", C: "2" } } }],
    ["one variable less", { ...base, environment: { ...base.environment, clear: { A: "1" } } }],
    ["one secret less", { ...base, environment: { ...base.environment, secrets: ["TOKEN"] } }],
    ["one secret more", { ...base, environment: { ...base.environment, secrets: ["TOKEN", "KEY", "OTHER"] } }],
    ["another argument of the command", { ...base, command: ["serve", "-v"] }],
    ["no command", without],
    ["an empty command", { ...base, command: [] }],
    ["a port that became a volume", { ...base, ports: [], volumes: ["80:80", "data:/data"] }]
  ]
  for (const [what, other] of different)
    test(`changes with ${what}`, () => {
      expect(configHash(other, secrets)).not.toBe(hash)
    })

  test("changes with the value of a secret", () => {
    expect(configHash(base, new Map([...secrets, ["KEY", Redacted.make("k2")]]))).not.toBe(hash)
  })

  test("is the same for everything that creates the same container", () => {
    const same: ReadonlyArray<Service> = [
      { ...base },
      { ...base, environment: { clear: { B: "2", A: "1" }, secrets: ["KEY", "TOKEN"] } },
      { ...base, retain: 9, hosts: ["web2"], source: image("nginx:1") },
      { ...base, health: { runningFor: Duration.seconds(9), timeout: Duration.seconds(9) } }
    ]
    for (const each of same) expect(configHash(each, secrets)).toBe(hash)
    expect(configHash(base, new Map([...secrets, ["OTHER", Redacted.make("o2")]]))).toBe(hash)
    expect(hash).toMatch(/^[0-9a-f]{32}$/)
  })
})

describe("work", () => {
  test("lists the services of a server with their built images", () => {
    const services = [service("a", ["web1"]), service("b", ["web2"]), service("c", ["web2", "web1"])]
    const built = { service: "c", repository: "r", reference: "r:1", version: "1", digest: "d", architecture: "amd64" }
    const found = work({ project: project({ services }), server: server("web1"), images: [built] })
    expect(found.map((each) => [each.service.name, each.image?.digest])).toEqual([
      ["a", undefined],
      ["c", "d"]
    ])
  })
})

describe("current", () => {
  const web = service("web", ["web1"])
  const container = (overrides: Partial<InspectedContainer> = {}): InspectedContainer => ({
    id: "c",
    name: "shop-web",
    imageId: "i",
    running: true,
    healthy: true,
    service: "web",
    digest: "d",
    config: "c",
    version: "v",
    ...overrides
  })
  const found = (...containers: ReadonlyArray<InspectedContainer>) =>
    current({ name: "docker", version: "20", architecture: "amd64", containers }, project(), web)?.id

  test("finds the container of a service only if it is healthy, the only one, and has its usual name", () => {
    expect(containerName(project(), web)).toBe("shop-web")
    expect(found(container())).toBe("c")
    expect(found(container(), container({ service: "api", name: "shop-api" }))).toBe("c")
    expect(found()).toBe(undefined)
    expect(found(container({ healthy: false }))).toBe(undefined)
    expect(found(container({ name: "shop-web-next" }))).toBe(undefined)
    expect(found(container(), container({ name: "shop-web-next", healthy: false }))).toBe(undefined)
    expect(found(container({ service: "web2" }))).toBe(undefined)
  })
})

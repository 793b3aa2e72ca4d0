import { describe, expect, test } from "bun:test"
import { Duration, Redacted, Schema } from "effect"
import type { Service } from "../../src/config/Project.ts"
import type { InspectedContainer } from "../../src/layers/docker/inspect.ts"
import { configurationOf, differences } from "../../src/steps/configuration.ts"
import { plan, step, workOf } from "../../src/steps/Plan.ts"
import type { PushedImage } from "../../src/steps/Push.ts"
import { image, project, service } from "./rehearsal.ts"

describe("the configuration of a container", () => {
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
  const hash = configurationOf(base, secrets).hash
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
    test(`differs with ${what}`, () => {
      expect(configurationOf(other, secrets).hash).not.toBe(hash)
    })

  test("differs with the value of a secret", () => {
    expect(configurationOf(base, new Map([...secrets, ["KEY", Redacted.make("k2")]])).hash).not.toBe(hash)
  })

  test("is the same for everything that creates the same container", () => {
    const same: ReadonlyArray<Service> = [
      { ...base },
      { ...base, environment: { clear: { B: "2", A: "1" }, secrets: ["KEY", "TOKEN"] } },
      { ...base, retain: 9, hosts: ["web2"], source: image("nginx:1") },
      { ...base, health: { runningFor: Duration.seconds(9), timeout: Duration.seconds(9) } }
    ]
    for (const each of same) expect(configurationOf(each, secrets).hash).toBe(hash)
    expect(configurationOf(base, new Map([...secrets, ["OTHER", Redacted.make("o2")]])).hash).toBe(hash)
    expect(hash).toMatch(/^[0-9a-f]{32}$/)
  })

  const changes: ReadonlyArray<readonly [Service, ReadonlyArray<string>]> = [
    [{ ...base, ports: ["81:80"] }, ["ports"]],
    [{ ...base, volumes: [], command: ["serve", "-v"] }, ["volumes", "command"]],
    [{ ...base, environment: { clear: { A: "1", B: "3", C: "1" }, secrets: ["TOKEN", "KEY"] } }, ["environment: B, C"]],
    [{ ...base, environment: { clear: { B: "2" }, secrets: ["TOKEN"] } }, ["environment: A", "secrets: KEY"]]
  ]
  for (const [other, parts] of changes) {
    test(`says which parts differ: ${parts.join("; ")}`, () => {
      const [before, after] = [configurationOf(base, secrets), configurationOf(other, secrets)]
      expect(differences(before.parts, after.parts)).toEqual(parts)
    })
  }

  test("says which secret's value differs, and neither of its values", () => {
    const before = configurationOf(base, secrets)
    const after = configurationOf(base, new Map([...secrets, ["KEY", Redacted.make("another-key")]]))
    expect(differences(before.parts, after.parts)).toEqual(["secrets: KEY"])
    expect(JSON.stringify([before, after])).not.toContain("another-key")
  })

  test("differs as a whole from that of a container without parts", () => {
    const { parts } = configurationOf(base, secrets)
    for (const before of ["", "{}", "[1]", parts.slice(1)])
      expect(differences(before, parts)).toEqual(["configuration"])
  })
})

describe("a plan", () => {
  const digests = { old: `sha256:${"a".repeat(64)}`, new: `sha256:${"b".repeat(64)}` }
  const web = service("web", ["web1"], { environment: { clear: { LOG: "info" }, secrets: ["TOKEN"] } })
  const secrets = new Map([["TOKEN", Redacted.make("hunter22")]])
  const { hash: config, parts } = configurationOf(web, secrets)
  const container = (overrides: Partial<InspectedContainer> = {}): InspectedContainer => ({
    id: "c0ffee",
    name: "shop-web",
    imageId: "i",
    running: true,
    healthy: true,
    service: "web",
    digest: digests.old,
    config,
    parts,
    version: "v1",
    ...overrides
  })
  const pushed = (digest: string): PushedImage => ({
    service: "web",
    repository: "ghcr.io/me/web",
    reference: { registry: "ghcr.io", path: "me/web", tag: "v2" },
    version: "v2",
    digest,
    architecture: "amd64"
  })
  const planned = (
    containers: ReadonlyArray<InspectedContainer>,
    { digest = digests.old, of = web }: { readonly digest?: string; readonly of?: Service } = {}
  ) => plan(project(), of, { containers }, pushed(digest), secrets)
  const because = (...args: Parameters<typeof planned>) => {
    const decided = planned(...args)
    return decided._tag === "Replace" ? decided.because : decided._tag
  }

  test("keeps a healthy container of the same image and configuration", () => {
    expect(planned([container()])).toEqual({
      _tag: "Keep",
      service: "web",
      container: "c0ffee",
      version: "v1",
      digest: digests.old
    })
    expect(planned([container(), container({ service: "api", name: "shop-api" })])._tag).toBe("Keep")
  })

  test("starts a service that has no container", () => {
    expect(planned([])).toMatchObject({ _tag: "Start", version: "v2", image: { digest: digests.old } })
    expect(planned([container({ service: "web2" })])._tag).toBe("Start")
  })

  test("replaces a container, and says why", () => {
    const changed = { ...web, environment: { clear: { LOG: "debug" }, secrets: ["TOKEN"] } }
    expect(because([container()], { digest: digests.new })).toEqual(["image aaaaaaaaaaaa → bbbbbbbbbbbb"])
    expect(because([container()], { of: changed })).toEqual(["environment: LOG"])
    expect(because([container()], { of: changed, digest: digests.new })).toEqual([
      "image aaaaaaaaaaaa → bbbbbbbbbbbb",
      "environment: LOG"
    ])
    expect(because([container({ parts: "", config: "other" })])).toEqual(["configuration"])
    expect(because([container({ healthy: false })])).toEqual(["the container is unhealthy"])
    expect(because([container({ healthy: false, running: false })])).toEqual(["the container is stopped"])
  })

  test("replaces what an interrupted deploy left", () => {
    const reason = ["an earlier deploy was interrupted"]
    expect(because([container({ name: "shop-web-next" })])).toEqual(reason)
    expect(because([container(), container({ name: "shop-web-next", healthy: false })])).toEqual(reason)
  })

  test("asks for an image that jiji did not build each time, since its tag may have moved", () => {
    const cache = service("cache", ["web1"], { source: image("redis:7") })
    const { hash: config, parts } = configurationOf(cache, secrets)
    const running = container({ service: "cache", name: "shop-cache", config, parts })
    const decide = (containers: ReadonlyArray<InspectedContainer>) =>
      plan(project(), cache, { containers }, undefined, secrets)
    expect(decide([])).toMatchObject({ _tag: "Start", version: "7", image: { reference: { path: "redis", tag: "7" } } })
    expect(decide([running])).toMatchObject({ _tag: "Replace", because: ["image redis:7 may have changed"] })
  })

  const strategies: ReadonlyArray<readonly [string, Partial<Service>]> = [
    ["beside", {}],
    ["beside", { ports: ["80"] }],
    ["trial", { ports: ["8080:80"] }],
    ["trial", { ports: ["8080:80"], volumes: ["data:/data:ro", "/etc/x:/x:z,ro"] }],
    ["stop", { volumes: ["data:/data"] }],
    ["stop", { ports: ["8080:80"], volumes: ["/srv:/data:z"] }]
  ]
  for (const [strategy, overrides] of strategies) {
    test(`replaces by ${strategy} with ${JSON.stringify(overrides)}`, () => {
      expect(planned([container()], { digest: digests.new, of: { ...web, ...overrides } })).toMatchObject({ strategy })
    })
  }

  test("is in the events without the hashes of its configuration", () => {
    const { result } = step
    if (result === undefined) throw new Error("the step has no result")
    const encoded = JSON.stringify(
      Schema.encodeSync(result)({ plan: [planned([container()], { digest: digests.new }), planned([])] })
    )
    expect(encoded).toContain('"because":["image aaaaaaaaaaaa → bbbbbbbbbbbb"]')
    expect(encoded).toContain('"reference":"ghcr.io/me/web:v2"')
    expect(encoded).toContain('"configuration":"<redacted>"')
    for (const secret of [config, ...Object.values(JSON.parse(parts).secrets), "hunter22"]) {
      expect(encoded).not.toContain(secret)
    }
  })

  test("is joined with the services and images that it is about", () => {
    const services = [web, service("api", ["web1"])]
    const work = workOf({ project: project({ services }), images: [pushed(digests.new)], plan: [planned([])] })
    expect(work.map(({ image, service }) => [service.name, image?.digest])).toEqual([["web", digests.new]])
  })
})

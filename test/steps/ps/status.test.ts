import { describe, expect, test } from "bun:test"
import { Duration, Effect, Exit, Redacted } from "effect"
import { parseUsage } from "../../../src/layers/docker/usage.ts"
import { configurationOf, visibleDifferences } from "../../../src/steps/configuration.ts"
import { serverStatus } from "../../../src/steps/ps/status.ts"
import { ps } from "../../../src/steps/PsPipeline.ts"
import * as Answer from "../../../src/testing/Answer.ts"
import * as Rehearsal from "../../../src/testing/Rehearsal.ts"
import { it } from "../../support/effect.ts"
import { image, project, server, service } from "../rehearsal.ts"

const secrets = new Map([["TOKEN", Redacted.make("hunter22")]])
const web = service("web", ["web1"], {
  ports: ["8080:80"],
  environment: { clear: { LOG: "info" }, secrets: ["TOKEN"] }
})
const { parts } = configurationOf(web, secrets)

const container = (name: string, overrides: Readonly<Record<string, unknown>> = {}) => ({
  id: name,
  name,
  imageId: "sha256:1",
  status: "running",
  running: true,
  healthy: true,
  service: "web",
  digest: "sha256:d1",
  config: "c",
  parts,
  version: "v1",
  ...overrides
})

const statusOf = (containers: ReadonlyArray<ReturnType<typeof container>>, services = [web]) => {
  const shop = project({ services })
  const engine = { name: "docker", version: "28.5.0", architecture: "amd64", containers } as const
  return serverStatus({ project: shop, server: server("web1"), whole: shop }, engine)
}
const differs = (one: ReturnType<typeof container>, of = web) => statusOf([one], [of]).services[0]?.differs

describe("what differs from deploy.yml", () => {
  test("is nothing for a container that was deployed with it, whatever the values of its secrets", () => {
    expect(differs(container("shop-web"))).toEqual([])
  })

  test("is the number of replicas, if fewer or more run than deploy.yml wants", () => {
    const proxy = {
      hosts: ["shop.test"],
      port: 80,
      path: "/",
      strip: false,
      tls: { _tag: "Off" },
      responseTimeout: Duration.seconds(30)
    } as const
    const [status] = statusOf([container("shop-web")], [{ ...web, replicas: 2, proxy }]).services
    expect(status).toMatchObject({ replicas: 1, wanted: 2, hosts: ["shop.test"] })
    expect(status?.differs).toContain("1 of 2 replicas")
    expect(statusOf([container("shop-web"), container("shop-web-2")]).services[0]?.differs).toContain("2 of 1 replicas")
  })

  test("is named part by part", () => {
    const changed = {
      ...web,
      ports: [],
      volumes: ["data:/data"],
      command: ["x"],
      environment: { clear: { LOG: "debug", NEW: "1" }, secrets: ["TOKEN", "OTHER"] }
    }
    expect(visibleDifferences(parts, changed)).toEqual([
      "ports",
      "volumes",
      "command",
      "environment: LOG, NEW",
      "secrets: OTHER"
    ])
    expect(visibleDifferences(parts, { ...web, environment: { clear: {}, secrets: [] } })).toEqual([
      "environment: LOG",
      "secrets: TOKEN"
    ])
  })

  test("does not depend on the order of variables", () => {
    const before = configurationOf({ ...web, environment: { clear: { A: "1", B: "2" }, secrets: [] } }, new Map()).parts
    expect(visibleDifferences(before, { ...web, environment: { clear: { B: "2", A: "1" }, secrets: [] } })).toEqual([])
  })

  test("is the whole configuration of a container without its parts", () => {
    expect(differs(container("shop-web", { parts: "" }))).toEqual(["configuration"])
  })

  test("includes the image of a service that jiji does not build", () => {
    const redis = { ...web, source: image("redis:7") }
    expect(differs(container("shop-web", { version: "6" }), redis)).toEqual(["image redis:7"])
    expect(differs(container("shop-web", { version: "7" }), redis)).toEqual([])
  })

  test("includes a container that does not run, or is unhealthy, or is missing", () => {
    expect(differs(container("shop-web", { status: "exited", running: false }))).toEqual(["stopped"])
    expect(differs(container("shop-web", { healthy: false }))).toEqual(["unhealthy"])
    expect(statusOf([]).services[0]?.differs).toEqual(["not deployed"])
  })
})

test("counts the replicas that run, and shows containers that deploy.yml does not have", () => {
  const all = ["shop-web", "shop-web-2", "shop-web-3", "shop-web-next"].map((name) => container(name))
  const stopped = container("shop-web-4", { status: "exited", running: false })
  const others = [container("shop-old", { service: "old" }), container("copy-of-web")]
  const { services, unknown } = statusOf([...others, ...all, stopped])
  expect(services[0]?.replicas).toBe(4)
  expect(services[0]?.containers.map(({ name }) => name)).toEqual([
    "shop-web",
    "shop-web-2",
    "shop-web-3",
    "shop-web-4",
    "shop-web-next"
  ])
  expect(unknown.map(({ name }) => name)).toEqual(["shop-old", "copy-of-web"])
})

test("reads what docker and podman print about memory and processor time", () => {
  const ids = ["abcdef0123", "fedcba9876", "0000000000"]
  const docker = "abcdef\t12.34%\t1.5MiB / 7.6GiB\nfedcba\t0.00%\t0B / 0B\n"
  expect([...parseUsage(docker, ids)]).toEqual([
    ["abcdef0123", { cpu: 12.34, memory: 1_572_864 }],
    ["fedcba9876", { cpu: 0, memory: 0 }]
  ])
  expect([...parseUsage("abcdef\t1.02%\t1.2MB / 8.1GB\nfedcba\t--\t-- / --\n", ids)]).toEqual([
    ["abcdef0123", { cpu: 1.02, memory: 1_200_000 }]
  ])
})

describe("jiji ps", () => {
  const two = project({
    servers: [server("web1"), server("web2")],
    services: [service("web", ["web1", "web2"])]
  })

  it.effect("asks each server once, and measures only if asked to", () =>
    Effect.gen(function* () {
      const { exit, on } = yield* Rehearsal.run(ps, { project: two, stats: false })
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(on("web2")).toEqual([
        "# open the SSH connection",
        "jiji:probe.sh engine=docker project=shop",
        "jiji:mark.sh action=list project=shop seconds=0"
      ])
    })
  )

  it.effect("shows the other servers if one fails", () =>
    Effect.gen(function* () {
      const answers = [
        Answer.unreachable("web1"),
        Answer.when({ on: "web2", command: "jiji:probe.sh" }, Answer.fails("Cannot connect to the Docker daemon"))
      ]
      const { exit } = yield* Rehearsal.run(ps, { project: two, stats: true }, { answers })
      const { statuses } = yield* exit
      expect(statuses.map(({ error }) => error?.message)).toEqual([
        expect.stringMatching(/^web1 .* cannot be reached/),
        "docker does not answer on web2: Cannot connect to the Docker daemon"
      ])
    })
  )
})

import { beforeAll, expect, test } from "bun:test"
import { until } from "../support/waiting.ts"
import { done, outcomes } from "./observe.ts"
import { load, proxyImage, writeProxied } from "./proxied.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(() => buildProxyImage(hosts.operator, { name: proxyImage }))

const write = (version: string) => writeProxied(hosts, version, { hosts: ["h1", "h2"], replicas: 2 })

/** What the proxy of each server answers. */
const pages = () =>
  Promise.all(
    hosts.servers.map(async (server) => {
      const words = ["curl", "--silent", "--max-time", "20", "--header", "Host: shop.test"]
      return (await hosts.operator.try([...words, `http://${server.ip}/`])).stdout
    })
  )

test("a rollback of a service behind the proxy, back and forward again, fails no request", async () => {
  for (const version of ["v1", "v2"]) done(await write(version).jiji(["deploy", "--version", version]))
  await until(pages, (all) => all.every((page) => page === "v2"))
  const stops = hosts.servers.map((server) => load(hosts, server))
  for (const [args, page] of [
    [["rollback"], "v1"],
    [["rollback", "v2"], "v2"]
  ] as const) {
    expect(outcomes(done(await write("v2").jiji(args)))).toEqual(["web h1: replaced", "web h2: replaced"])
    expect(await pages()).toEqual([page, page])
  }
  for (const { answered, failed } of await Promise.all(stops.map((stop) => stop()))) {
    expect(failed).toEqual([])
    for (const count of answered) expect(count).toBeGreaterThan(100)
  }
})

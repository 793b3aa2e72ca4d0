import { beforeAll, expect, test } from "bun:test"
import { Schema } from "effect"
import { PsReport } from "../../src/steps/PsPipeline.ts"
import { done } from "./observe.ts"
import { proxyImage, writeProxied } from "./proxied.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(() => buildProxyImage(hosts.operator, { name: proxyImage }))

const project = () =>
  writeProxied(
    hosts,
    "v1",
    {},
    { worker: { build: { context: "./web" }, hosts: ["h1", "h2"], health: { running_for: "0s" } } }
  )

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(PsReport), { onExcessProperty: "error" })

/** What `jiji ps` says about the lock and the maintenance: its notes, and by server its JSON. */
const shown = async () => {
  const { stdout } = done(await project().jiji(["ps"], { env: { COLUMNS: "300" } }))
  const { servers } = decode(done(await project().jiji(["ps", "--json"])).stdout)
  return {
    notes: stdout.split("\n").filter((line) => /lock|maintenance/.test(line)),
    servers: servers.map(({ locks = [], services }) => [
      ...locks.map(({ kind, message = "", user }) => `${kind} ${user} ${message}`),
      ...services.flatMap(({ maintenance, name }) => (maintenance === true ? [name] : []))
    ])
  }
}

test("shows the lock and the maintenance of docker and of podman hosts, and nothing once they end", async () => {
  done(await project().jiji(["deploy"]))
  expect(await shown()).toEqual({ notes: [], servers: [[], []] })
  done(await project().jiji(["lock", "--message", "moving the database"], { env: { USER: "ann" } }))
  const lock =
    /^ann on \S+ has locked shop on h1 and h2 since .* UTC until .* UTC: moving the database\. To end the lock: jiji unlock$/
  expect(await shown()).toEqual({
    notes: [expect.stringMatching(lock)],
    servers: [["lock ann moving the database"], ["lock ann moving the database"]]
  })
  done(await project().jiji(["unlock", "--force"]))
  done(await project().jiji(["maintenance", "on"]))
  expect(await shown()).toEqual({
    notes: ["web is in maintenance on h1 and h2: the proxy answers 503. To end it: jiji maintenance off"],
    servers: [["web"], ["web"]]
  })
  done(await project().jiji(["maintenance", "off", "-H", "h2"]))
  expect((await shown()).servers).toEqual([["web"], []])
  done(await project().jiji(["maintenance", "off"]))
  expect(await shown()).toEqual({ notes: [], servers: [[], []] })
})

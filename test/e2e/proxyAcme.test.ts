import { beforeAll, expect, test } from "bun:test"
import { until } from "../support/waiting.ts"
import { done } from "./observe.ts"
import { type Pebble, startPebble } from "./Pebble.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker" })
const image = "localhost/proxy:acme"
let ca: Pebble
beforeAll(async () => {
  ca = await startPebble(hosts, hosts.server("h1"), 30)
  await buildProxyImage(hosts.operator, { name: image, trust: ca.trust })
})

const write = (page: string, names: ReadonlyArray<string>) =>
  writeProject(hosts, {
    name: "shop",
    image: { page },
    config: {
      proxy: { image, acme: ca.directory, email: "ops@shop.test" },
      services: { web: { ports: [], health: { running_for: "0s" }, proxy: { hosts: names, port: 80 } } }
    }
  })

/** The page of a host, and the serial number and issuer of its certificate; nothing if there is no certificate yet. */
const look = async (name: string) => {
  const { ip } = hosts.server("h1")
  const to = ["--connect-to", `${name}:443:${ip}:443`]
  const options = "--silent --insecure --max-time 5 --verbose".split(" ")
  const got = await hosts.operator.try(["curl", ...options, ...to, `https://${name}/`])
  const shown = await hosts.operator.try([
    "sh",
    "-c",
    `openssl s_client -connect ${ip}:443 -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout -serial -issuer`
  ])
  return { page: got.code === 0 ? got.stdout : undefined, certificate: shown.code === 0 ? shown.stdout : undefined }
}

test("a host name gets a certificate by ACME, also one that is added later; certificates survive the proxy and are renewed", async () => {
  done(await write("one", ["shop.test"]).jiji(["deploy"]))
  const first = await until(
    () => look("shop.test"),
    ({ page }) => page === "one"
  )
  expect(first.certificate).toContain("Pebble Intermediate CA")

  done(await write("two", ["shop.test", "www.shop.test"]).jiji(["deploy"]))
  await until(
    () => look("www.shop.test"),
    ({ page }) => page === "two"
  )

  const h1 = hosts.server("h1")
  await h1.run(["docker", "rm", "--force", "jiji-proxy"])
  done(await write("three", ["shop.test", "www.shop.test"]).jiji(["deploy"]))
  const stored = await h1.run(["docker", "exec", "jiji-proxy", "sh", "-c", "ls /data/caddy/certificates/*"])
  expect(stored).toContain("www.shop.test")

  // In the last third of its life, Caddy renews a certificate when it loads a configuration, and every ten minutes.
  const renewed = await until(
    async () => {
      const reload = "caddy reload --force --config /jiji/caddy.json --address unix//run/jiji/admin.sock"
      await h1.run(["docker", "exec", "jiji-proxy", "sh", "-c", reload])
      const now = await look("shop.test")
      expect(now.page).toBe("three")
      return now
    },
    ({ certificate }) => certificate !== undefined && certificate !== first.certificate,
    { every: 1000 }
  )
  expect(renewed.certificate).toContain("Pebble Intermediate CA")
})

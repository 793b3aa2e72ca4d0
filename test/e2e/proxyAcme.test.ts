import { beforeAll, expect, test } from "bun:test"
import { until } from "../support/waiting.ts"
import { done } from "./observe.ts"
import { load } from "./proxied.ts"
import { type Pebble, startPebble } from "./Pebble.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker" })
const image = "localhost/proxy:acme"
let ca: Pebble
beforeAll(async () => {
  ca = await startPebble(hosts, hosts.server("h1"), 20)
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

test("a host name gets a certificate by ACME, also one that is added later; certificates survive the proxy", async () => {
  done(await write("one", ["shop.test"]).jiji(["deploy"]))
  const first = await until(
    () => look("shop.test"),
    ({ page }) => page === "one",
    { timeout: 10_000 }
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
})

test("a certificate is renewed without a failed request", async () => {
  const h1 = hosts.server("h1")
  // Caddy looks every ten minutes for certificates that are in the last third of their life. Here, it looks every second.
  // It only reads that when it starts.
  const often = `sed -i 's/"automation":{/&"renew_interval":"1s",/' /jiji/caddy.json`
  await h1.run(["docker", "exec", "jiji-proxy", "sh", "-c", often])
  const { certificate: old } = await look("shop.test")
  await h1.run(["docker", "restart", "jiji-proxy"])
  // The name leads to the server, so that TLS has it too.
  const name = `sed '$a ${h1.ip} shop.test' /etc/hosts >/run/hosts && mount --bind /run/hosts /etc/hosts`
  await hosts.operator.run(["sh", "-c", name])
  const before = await until(
    () => look("shop.test"),
    // A new one has some seconds left until it is renewed.
    ({ certificate, page }) => page === "three" && certificate !== old
  )
  const stop = load(hosts, h1, "shop.test", "https://shop.test/")
  const renewed = await until(
    () => look("shop.test"),
    ({ certificate }) => certificate !== undefined && certificate !== before.certificate,
    { every: 500, timeout: 60_000 }
  )
  expect(renewed).toMatchObject({ page: "three", certificate: expect.stringContaining("Pebble Intermediate CA") })
  const { answered, failed } = await stop()
  expect(failed).toEqual([])
  for (const count of answered) expect(count).toBeGreaterThan(100)
})

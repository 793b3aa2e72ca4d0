import { expect, test } from "bun:test"
import { buildProxyImage } from "./ProxyImage.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman", h3: "podman5" })

test("every engine runs the image of the proxy, which has caddy and a shell", async () => {
  const name = "localhost/proxy:1"
  for (const host of [hosts.operator, ...hosts.servers]) {
    await buildProxyImage(host, { name })
    const script = "caddy version && printf up | sha256sum"
    const run = await host.run([host.engine, "run", "--rm", "--network", "host", name, "sh", "-c", script])
    expect(run).toMatch(/^v?2\.\d+\.\d+.*\n[0-9a-f]{64} {2}-$/u)
  }
})

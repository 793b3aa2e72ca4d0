import { join } from "node:path"
import type { Hosts } from "./Hosts.ts"
import type { Host } from "./Host.ts"
import { pebble } from "./ProxyImage.ts"

/** An ACME server for tests. */
export interface Pebble {
  /** Its directory, as `proxy.acme` takes it. */
  readonly directory: string
  /** The certificate of the authority that its own address has, as PEM. */
  readonly trust: string
}

/** Starts pebble on the operator. For it, every host name leads to one server. Its certificates are valid for some seconds. */
export const startPebble = async (hosts: Hosts, server: Host, seconds: number): Promise<Pebble> => {
  const { operator } = hosts
  const folder = await operator.run(["mktemp", "--directory"])
  const [certificate, key, config] = ["crt", "key", "config.json"].map((name) => join(folder, name))
  const words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=pebble".split(" ")
  const names = ["-addext", `subjectAltName=IP:${operator.ip}`]
  await operator.run(["openssl", ...words, "-keyout", key ?? "", "-out", certificate ?? "", ...names])
  const settings = {
    pebble: {
      listenAddress: "0.0.0.0:14000",
      managementListenAddress: "127.0.0.1:15000",
      certificate,
      privateKey: key,
      httpPort: 80,
      tlsPort: 443,
      ocspResponderURL: "",
      externalAccountBindingRequired: false,
      profiles: { default: { description: "short", validityPeriod: seconds } }
    }
  }
  await Bun.write(config ?? "", JSON.stringify(settings))
  const none = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-management", "127.0.0.1:8055"]
  operator.start([pebble.dns, "-defaultIPv4", server.ip, "-defaultIPv6", "", ...none])
  const running = operator.start([pebble.server, "-config", config ?? "", "-dnsserver", "127.0.0.1:8053"], {
    env: { PEBBLE_VA_NOSLEEP: "1", PEBBLE_WFE_NONCEREJECT: "0" }
  })
  await running.waitFor("ACME directory available at")
  return { directory: `https://${operator.ip}:14000/dir`, trust: await Bun.file(certificate ?? "").text() }
}

import { join } from "node:path"
import type { Host } from "./Host.ts"
import type { Hosts } from "./Hosts.ts"

/** A real registry, unpacked by bin/setup. */
export const registryProgram = join(import.meta.dir, "../../.tools/registry/usr/bin/docker-registry")

/**
 * Starts a real registry with TLS and a login on port 5000 of a host. The engines of all hosts trust it. It stops with
 * the hosts. Returns its address.
 */
export const startRegistry = async (
  hosts: Hosts,
  options: { readonly on: Host; readonly username: string; readonly password: string }
): Promise<string> => {
  const address = `${options.on.ip}:5000`
  const folder = join(hosts.folder, "registry")
  const file = (name: string) => join(folder, name)
  await hosts.operator.run(["mkdir", "-p", folder])
  const subject = `-subj /CN=registry -addext subjectAltName=IP:${options.on.ip}`
  const request = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 ${subject}`
  const files = ["-keyout", file("key.pem"), "-out", file("cert.pem")]
  await hosts.operator.run(["openssl", ...request.split(" "), ...files])
  const certificate = await Bun.file(file("cert.pem")).text()
  const trusted = `/etc/docker/certs.d/${address}`
  for (const host of [hosts.operator, ...hosts.servers]) {
    await host.run(["sh", "-c", `mkdir -p ${trusted} && cat >${trusted}/ca.crt`], { stdin: certificate })
  }
  const hash = await Bun.password.hash(options.password, { algorithm: "bcrypt", cost: 4 })
  await Bun.write(file("users"), `${options.username}:${hash}\n`)
  const config = {
    version: "0.1",
    storage: { filesystem: { rootdirectory: file("data") }, delete: { enabled: true } },
    http: { addr: address, tls: { certificate: file("cert.pem"), key: file("key.pem") } },
    auth: { htpasswd: { realm: "test", path: file("users") } }
  }
  const settings = JSON.stringify(config) // which is YAML too
  const running = options.on.start(
    ["sh", "-c", `cat >/run/registry.yml && exec ${registryProgram} serve /run/registry.yml`],
    {
      stdin: settings
    }
  )
  await running.waitFor("listening on")
  return address
}

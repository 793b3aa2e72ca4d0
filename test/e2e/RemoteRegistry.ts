import { renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Host } from "./Host.ts"
import type { Hosts } from "./Hosts.ts"
import type { Fault, Settings } from "./registryFront.ts"
import { until } from "../support/waiting.ts"

const program = join(import.meta.dir, "../../.tools/registry/usr/bin/docker-registry")

/** Registries with a token service (GHCR and Docker Hub), with basic authentication, and without a login. */
const tokenNames = ["ghcr.io", "docker.io", "registry-1.docker.io", "index.docker.io", "auth.docker.io"]
const basicNames = ["registry.example.com"]
const openNames = ["open.example.com"]

/** Registries on the operator with the names of real ones. */
export interface RemoteRegistry {
  /** Makes the registries misbehave until `repair`. */
  breakDown(fault: Fault): void
  repair(): void
  /** All requests so far, as `METHOD name/path`. */
  requests(): Promise<ReadonlyArray<string>>
  readonly username: string
  readonly password: string
}

/**
 * Starts real registries behind TLS, named ghcr.io, docker.io, registry.example.com (which requires a password) and
 * open.example.com (which does not). All hosts resolve the names and trust the certificate. They stop with the hosts.
 */
export const startRemoteRegistry = async (
  hosts: Hosts,
  options: { readonly username: string; readonly password: string }
): Promise<RemoteRegistry> => {
  const { username, password } = options
  const { operator } = hosts
  const folder = join(hosts.folder, "remote")
  const file = (name: string) => join(folder, name)
  await operator.run(["mkdir", "-p", folder])
  const names = [...tokenNames, ...basicNames, ...openNames]

  const make = (subject: string, key: string, ...more: ReadonlyArray<string>) =>
    operator.run(
      ["openssl", "req", "-x509", "-newkey", key, "-nodes", "-days", "2", "-subj", `/CN=${subject}`].concat(
        ["-keyout", file(`${subject}.key`), "-out", file(`${subject}.pem`)],
        more
      )
    )
  const alternatives = `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}`
  await Promise.all([make("front", "rsa:2048", "-addext", alternatives), make("token", "rsa:2048")])

  // For Docker Hub, docker trusts only the system's certificates.
  const certificate = await Bun.file(file("front.pem")).text()
  const addresses = names.map((name) => `${operator.ip} ${name}`).join("\n")
  const trust = async (host: Host) => {
    const mount = (path: string) => `cat ${path} - >"$d" && mount --bind "$d" ${path}`
    const run = (path: string, stdin: string) =>
      host.run(["sh", "-c", `d=$(mktemp -p /run) && chmod 644 "$d" && ${mount(path)}`], { stdin })
    await run("/etc/hosts", `\n${addresses}\n`)
    await run("/etc/ssl/certs/ca-certificates.crt", certificate)
  }
  await Promise.all([operator, ...hosts.servers].map(trust))

  const hash = await Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 })
  await Bun.write(file("users"), `${username}:${hash}\n`)
  const start = async (port: number, auth: object) => {
    const config = {
      version: "0.1",
      storage: { filesystem: { rootdirectory: file(`data-${port}`) }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${port}` },
      ...auth
    }
    await Bun.write(file(`${port}.yml`), JSON.stringify(config)) // which is YAML too
    await operator.start([program, "serve", file(`${port}.yml`)]).waitFor("listening on")
  }
  const token = {
    realm: "https://auth.docker.io/token",
    service: "registry",
    issuer: "test",
    rootcertbundle: file("token.pem")
  }
  await Promise.all([
    start(5001, { auth: { token } }),
    start(5002, { auth: { htpasswd: { realm: "test", path: file("users") } } }),
    start(5003, {})
  ])

  const backends = (of: ReadonlyArray<string>, port: number) => of.map((name) => [name, port] as const)
  const settings: Settings = {
    address: operator.ip,
    cert: file("front.pem"),
    key: file("front.key"),
    users: { [username]: password },
    tokenKey: file("token.key"),
    tokenCert: file("token.pem"),
    backends: Object.fromEntries([
      ...backends(tokenNames, 5001),
      ...backends(basicNames, 5002),
      ...backends(openNames, 5003)
    ]),
    faults: file("fault.json"),
    log: file("requests.log")
  }
  await Bun.write(file("settings.json"), JSON.stringify(settings))
  await Bun.write(settings.log, "")
  const front = operator.start([process.execPath, join(import.meta.dir, "registryFront.ts"), file("settings.json")])
  await front.waitFor("the front is listening")
  // A program that has just read /etc/hosts does not read it again immediately.
  const known = (host: Host) =>
    until(
      () => host.try([host.engine, "pull", "open.example.com/none"]),
      ({ stderr }) => /manifest unknown|not found/.test(stderr)
    )
  await Promise.all([operator, ...hosts.servers].map(known))
  return {
    username,
    password,
    breakDown: (fault) => {
      const whole = join(folder, "fault.new")
      writeFileSync(whole, JSON.stringify({ ...fault, id: crypto.randomUUID() }))
      renameSync(whole, settings.faults)
    },
    repair: () => rmSync(settings.faults, { force: true }),
    requests: async () => (await Bun.file(settings.log).text()).split("\n").filter((line) => line !== "")
  }
}

import { beforeAll, expect, test } from "bun:test"
import { join } from "node:path"
import type { Result } from "./Command.ts"
import { done, watchCommandLines } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { type RemoteRegistry, startRemoteRegistry } from "./RemoteRegistry.ts"
import { withHosts } from "./withHosts.ts"

/** Nothing else on the machine contains this. */
const sentinel = `s3ntinel-${crypto.randomUUID()}`
const base64 = Buffer.from(`me:${sentinel}`).toString("base64")
const wrong = `wr0ng-${crypto.randomUUID()}`
const isSaid = (text: string): boolean => [sentinel, base64, wrong].some((value) => text.includes(value))

let registry: RemoteRegistry
const env = { TOKEN: sentinel }

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  registry = await startRemoteRegistry(hosts, { username: "me", password: sentinel })
})

const project = () =>
  writeProject(hosts, {
    name: "shop",
    image: { page: crypto.randomUUID() },
    config: {
      builder: { registry: { type: "remote", server: "ghcr.io", username: "me", password: "TOKEN" } },
      services: { web: { health: { running_for: "0s" } } }
    }
  })

/** Files that contain a password, with their modes. */
const files = async (): Promise<ReadonlyArray<string>> => {
  const places = [hosts.home, join(hosts.folder, "../tmp"), hosts.folder]
  const find = (host: (typeof hosts.servers)[number] | typeof hosts.operator, folders: ReadonlyArray<string>) => {
    const stdin = [sentinel, base64, wrong].join("\n")
    return host.try(["sh", "-c", 'grep -rlF -f - "$@" 2>/dev/null | xargs -r stat -c "%n %a"', "sh", ...folders], {
      stdin
    })
  }
  const found = await Promise.all([
    find(hosts.operator, places),
    ...hosts.servers.map((server) => find(server, ["/root", "/tmp", "/run"]))
  ])
  return found
    .flatMap(({ stdout }) => stdout.split("\n"))
    .filter((line) => line !== "" && !/\/remote\/settings\.json /.test(line)) // the configuration of the test registry
}

const silent = (run: Result): Result => {
  expect(isSaid(run.stdout + run.stderr)).toBe(false)
  return run
}

test("a password appears in no command line, no output, and no file except a requested login", async () => {
  const at = project()
  const commandLines = watchCommandLines()

  for (const command of [["deploy"], ["registry", "login"], ["registry", "logout"]]) {
    expect(silent(await at.jiji([...command, "--dry-run"], { env })).code).toBe(0)
  }
  expect(silent(await at.jiji(["secrets", "print"], { env })).stdout).toContain("TOKEN")
  expect(silent(await at.jiji(["deploy"], { env: { TOKEN: wrong } })).code).toBe(77)
  expect(silent(await at.jiji(["registry", "login"], { env: { TOKEN: wrong } })).code).toBe(77)
  expect(await files()).toEqual([])

  done(silent(await at.jiji(["registry", "login"], { env })))
  const logins = [
    "/root/.docker/config.json 600",
    "/run/containers/0/auth.json 600",
    `${hosts.home}/.docker/config.json 600`
  ]
  expect([...(await files())].sort()).toEqual(logins.sort())
  // It reads the engine's own login file, which contains the password.
  // Bun has its own list of trusted authorities.
  const trusting = { ...env, NODE_EXTRA_CA_CERTS: "/etc/ssl/certs/ca-certificates.crt" }
  const status = done(silent(await at.jiji(["registry", "status"], { env: trusting })))
  expect(status.stdout).toContain("docker on this machine is logged in as me.")
  done(silent(await at.jiji(["registry", "logout"], { env })))
  expect(await files()).toEqual([])

  done(silent(await at.jiji(["deploy"], { env })))
  // A registry that repeats the password in its error.
  registry.breakDown({
    on: "^POST ghcr.io/.*/uploads/",
    status: 403,
    body: `{"errors":[{"code":"DENIED","message":"not ${sentinel}"}]}`
  })
  project()
  const refused = silent(await at.jiji(["deploy"], { env }))
  expect(refused.stderr).toContain("denied: not <redacted>")
  registry.repair()
  expect(await files()).toEqual([])

  const seen = await commandLines.stop()
  expect(seen.filter(isSaid)).toEqual([])
  // The sample contains logins here and on servers.
  expect(seen.filter((line) => /^(docker|podman)\0login\0/.test(line)).length).toBeGreaterThan(1)
})

test("does not store a deploy's password in the machine's keychain, as docker would", async () => {
  const { operator } = hosts
  const bin = join(hosts.folder, "keychain")
  const kept = join(bin, "kept")
  const helper = `#!/bin/sh\ncat >/dev/null\necho "$1" >>${kept}\necho '{}'\n`
  for (const name of ["pass", "secretservice"]) {
    await operator.run(["install", "-D", "-m", "755", "/dev/stdin", join(bin, `docker-credential-${name}`)], {
      stdin: helper
    })
  }
  const PATH = `${bin}:${process.env["PATH"] ?? ""}`
  done(await project().jiji(["deploy", "-H", "h1"], { env: { ...env, PATH } }))
  expect(await operator.try(["cat", kept])).not.toMatchObject({ stdout: expect.stringContaining("store") })
  // Docker itself would have used this keychain.
  const login = ["docker", "--config", join(bin, "config"), "login", "-u", "me", "--password-stdin", "ghcr.io"]
  await operator.run(login, { stdin: sentinel, env: { PATH } })
  expect(await operator.run(["cat", kept])).toContain("store")
})

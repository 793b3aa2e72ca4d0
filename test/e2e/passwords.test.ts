import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Result } from "./Command.ts"
import { type Hosts, startHosts } from "./Hosts.ts"
import { done } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { type RemoteRegistry, startRemoteRegistry } from "./RemoteRegistry.ts"

setDefaultTimeout(120_000)

/** Nothing else on the machine says this. */
const sentinel = `s3ntinel-${crypto.randomUUID()}`
const base64 = Buffer.from(`me:${sentinel}`).toString("base64")
const wrong = `wr0ng-${crypto.randomUUID()}`
const isSaid = (text: string): boolean => [sentinel, base64, wrong].some((value) => text.includes(value))

let hosts: Hosts
let registry: RemoteRegistry
const env = { TOKEN: sentinel }

beforeAll(async () => {
  hosts = await startHosts({
    servers: [
      { name: "h1", engine: "docker" },
      { name: "h2", engine: "podman" }
    ]
  })
  registry = await startRemoteRegistry(hosts, { username: "me", password: sentinel })
}, 120_000)
afterAll(() => hosts.close())

const project = () =>
  writeProject(hosts, {
    name: "shop",
    image: { page: crypto.randomUUID() },
    config: {
      builder: { registry: { type: "remote", server: "ghcr.io", username: "me", password: "TOKEN" } },
      services: { web: { health: { running_for: "0s" } } }
    }
  })

/** Reads the command lines of the whole machine, which all hosts are a part of, as often as it can until it is told to stop. */
const watchCommandLines = () => {
  const said = new Set<string>()
  const seen = new Set<string>()
  const over = new AbortController()
  const watch = async () => {
    while (!over.signal.aborted) {
      for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        try {
          const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
          if (isSaid(line)) said.add(line)
          seen.add(line)
        } catch {
          // it has ended meanwhile
        }
      }
      await Bun.sleep(1)
    }
    return { said: [...said], seen: [...seen] }
  }
  const watching = watch()
  return {
    stop: () => {
      over.abort()
      return watching
    }
  }
}

/** Files of the run that hold a password, with their modes; the proper places of a login are named by the test. */
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
    .filter((line) => line !== "" && !/\/remote\/settings\.json /.test(line)) // what the tests' own registry reads
}

const silent = (run: Result): Result => {
  expect(isSaid(run.stdout + run.stderr)).toBe(false)
  return run
}

test("a password is on no command line, in no output and in no file but the login that was asked for", async () => {
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
  // It reads the login of this machine's engine, in which the password is.
  // Bun trusts authorities of its own.
  const trusting = { ...env, NODE_EXTRA_CA_CERTS: "/etc/ssl/certs/ca-certificates.crt" }
  const status = done(silent(await at.jiji(["registry", "status"], { env: trusting })))
  expect(status.stdout).toContain("docker on this machine is logged in as me.")
  done(silent(await at.jiji(["registry", "logout"], { env })))
  expect(await files()).toEqual([])

  done(silent(await at.jiji(["deploy"], { env })))
  // A registry that says back what it was told.
  registry.breakDown({
    on: "^POST ghcr.io/.*/uploads/",
    status: 403,
    body: `{"errors":[{"code":"DENIED","message":"not ${sentinel}"}]}`
  })
  project()
  const refused = silent(await at.jiji(["deploy"], { env }))
  expect(refused.stderr).toContain("denied: not <redacted>")
  registry.mend()
  expect(await files()).toEqual([])

  const { said, seen } = await commandLines.stop()
  expect(said).toEqual([])
  // Logins were among what was seen, here and on servers.
  expect(seen.filter((line) => /^(docker|podman) login /.test(line)).length).toBeGreaterThan(1)
}, 120_000)

test("the machine's keychain is not given the password of a deploy, as docker would by itself", async () => {
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
  // It is a keychain that docker would have taken.
  const login = ["docker", "--config", join(bin, "config"), "login", "-u", "me", "--password-stdin", "ghcr.io"]
  await operator.run(login, { stdin: sentinel, env: { PATH } })
  expect(await operator.run(["cat", kept])).toContain("store")
})

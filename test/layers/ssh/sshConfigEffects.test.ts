import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { appendFileSync, chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Server } from "../../../src/config/Project.ts"
import { it } from "../../support/effect.ts"
import { untilEffect } from "../../support/waiting.ts"
import * as Sshd from "./Sshd.ts"
import { client, folder, run, serverOf } from "./fixture.ts"

/** A server whose deploy.yml leaves everything to ~/.ssh/config, under the alias `web`. */
const aliased = (sshd: Sshd.Sshd, home: string, overrides: Partial<Server> = {}): Server => {
  const { port: _, ...server } = serverOf(sshd, {
    host: "web",
    hostKeys: "accept-new",
    knownHosts: join(home, ".ssh", "known_hosts"),
    defaults: ["hostKeys", "knownHosts", "connectTimeout"],
    ...overrides
  })
  return server
}

/** The client, a server, and a ~/.ssh/config that leads to it. */
const setup = Effect.fnUntraced(function* (lines: ReadonlyArray<string>, settings: Parameters<typeof client>[0] = {}) {
  const sshd = yield* Sshd.make()
  const { home, ssh } = yield* client(settings)
  const config = join(home, ".ssh", "config")
  writeFileSync(config, `Host web\n  HostName 127.0.0.1\n  Port ${sshd.port}\n${lines.join("\n")}\n`)
  return { config, home, sshd, ssh, server: aliased(sshd, home), name: `[127.0.0.1]:${sshd.port}` }
})

const otherKey = Effect.map(folder, (dir) => Sshd.keygen(join(dir, "other"), "ed25519"))

describe("a changed host key is refused and not recorded", () => {
  const usual = (home: string) => join(home, ".ssh", "known_hosts")

  for (const [where, line, file] of [
    ["UserKnownHostsFile", "UserKnownHostsFile ~/.ssh/known_hosts_a ~/.ssh/known_hosts_b", ".ssh/known_hosts_b"],
    ["GlobalKnownHostsFile", "GlobalKnownHostsFile /nowhere/known_hosts HOME/global_known_hosts", "global_known_hosts"],
    ["the default of GlobalKnownHostsFile", "", "etc-ssh/ssh_known_hosts"],
    ["the second default of GlobalKnownHostsFile", "", "etc-ssh/ssh_known_hosts2"],
    ["the second default of UserKnownHostsFile", "", ".ssh/known_hosts2"]
  ] as const) {
    it.live(`when only ${where} has the old one`, () =>
      Effect.gen(function* () {
        const home = yield* folder
        mkdirSync(join(home, "etc-ssh"))
        const { name, server, sshd, ssh } = yield* setup([line.replace("HOME", home)], { home })
        writeFileSync(join(home, file), `${name} ${yield* otherKey}\n`)
        const error = yield* Effect.flip(ssh.connect(server))
        expect(error).toMatchObject({ _tag: "HostKeyChanged", file: join(home, file), line: 1, exitCode: 77 })
        expect([usual(home), join(home, ".ssh", "known_hosts_a")].filter(existsSync)).toEqual([])
        expect(sshd.log()).not.toContain("Accepted")
        // With the right key there too, the server is known.
        appendFileSync(join(home, file), `${name} ${sshd.hostKeys["ed25519"]}\n`)
        expect(yield* ssh.connect(server)).toEqual({ isNew: false })
        expect(existsSync(usual(home))).toBe(false)
      })
    )
  }

  it.live("when it is known under HostKeyAlias", () =>
    Effect.gen(function* () {
      const { home, server, sshd, ssh } = yield* setup(["HostKeyAlias fleet"])
      writeFileSync(usual(home), `fleet ${yield* otherKey}\n`)
      const before = readFileSync(usual(home), "utf8")
      const error = yield* Effect.flip(ssh.connect(server))
      expect(error._tag).toBe("HostKeyChanged")
      expect(error.remedy).toContain("ssh-keygen -R 'fleet'")
      expect(readFileSync(usual(home), "utf8")).toBe(before)
      writeFileSync(usual(home), "")
      expect(yield* ssh.connect(server)).toEqual({ isNew: true, recordedIn: usual(home) })
      const found = execFileSync("ssh-keygen", ["-F", "fleet", "-f", usual(home)], { encoding: "utf8" })
      expect(found).toContain(sshd.hostKeys["ed25519"] ?? "?")
    })
  )

  it.live("with StrictHostKeyChecking no", () =>
    Effect.gen(function* () {
      const { home, name, server, ssh } = yield* setup(["StrictHostKeyChecking no"])
      writeFileSync(usual(home), `${name} ${yield* otherKey}\n`)
      expect((yield* Effect.flip(ssh.connect(server)))._tag).toBe("HostKeyChanged")
    })
  )

  it.live("nor is an unknown one with StrictHostKeyChecking yes, unless deploy.yml says accept-new", () =>
    Effect.gen(function* () {
      const { home, server, ssh } = yield* setup(["StrictHostKeyChecking yes"])
      expect((yield* Effect.flip(ssh.connect(server)))._tag).toBe("HostKeyUnknown")
      expect(existsSync(usual(home))).toBe(false)
      expect((yield* ssh.connect({ ...server, defaults: ["knownHosts"] })).isNew).toBe(true)
    })
  )

  it.live("nor is a key that only has a certificate authority, or that RevokedHostKeys names", () =>
    Effect.gen(function* () {
      const { config, home, name, server, sshd, ssh } = yield* setup([])
      const text = `@cert-authority [127.*]:* ${yield* otherKey}\n`
      writeFileSync(usual(home), text)
      const error = yield* Effect.flip(ssh.connect(server))
      expect(error).toMatchObject({ _tag: "HostCertificateUnsupported", authority: `${usual(home)}:1` })
      expect(readFileSync(usual(home), "utf8")).toBe(text)
      writeFileSync(usual(home), `${text}${name} ${sshd.hostKeys["ed25519"]}\n`)
      yield* ssh.connect(server)
      writeFileSync(join(home, "revoked"), `# lost\n${sshd.hostKeys["ed25519"]}\n`)
      appendFileSync(config, `  RevokedHostKeys ${join(home, "revoked")}\n`)
      const again = yield* client({ home })
      const revoked = yield* Effect.flip(again.ssh.connect(server))
      expect(revoked).toMatchObject({ _tag: "HostKeyRevoked", file: join(home, "revoked"), line: 2 })
    })
  )

  it.live("but `UserKnownHostsFile /dev/null` records nothing", () =>
    Effect.gen(function* () {
      const { server, ssh } = yield* setup(["UserKnownHostsFile /dev/null"])
      expect(yield* ssh.connect(server)).toEqual({ isNew: false })
    })
  )
})

describe("~/.ssh/config", () => {
  it.live("does not apply a file that a block for other hosts includes, and goes on in its own block", () =>
    Effect.gen(function* () {
      const { config, server, sshd, ssh, home } = yield* setup([])
      writeFileSync(join(home, ".ssh", "other"), "User wrong\nHost *\n  HostName 203.0.113.1\n  Port 9\n")
      const text = `Host elsewhere\n  Include other\n  Port 10\n${readFileSync(config, "utf8")}`
      writeFileSync(config, `${text}Host nobody\n  Include other\n  User wrong\n`)
      const { user: _, ...rest } = server
      expect((yield* run(ssh, rest, "whoami")).stdout).toBe(`${sshd.user}\n`)
    })
  )

  it.live("connects through a ProxyCommand, which ends with the connection", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client()
      const pid = join(home, "pid")
      writeFileSync(
        join(home, ".ssh", "config"),
        `Host web\n  HostName web.invalid\n  Port ${sshd.port}\n  ProxyCommand bash -c 'echo $$ >${pid}; exec 3<>/dev/tcp/127.0.0.1/%p; cat <&3 & cat >&3; kill %%1' # %h\n`
      )
      const server = aliased(sshd, home)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const inner = yield* client({ home })
          const text = "x".repeat(3_000_000)
          const { stdout } = yield* run(inner.ssh, server, "head -c 3000000 /dev/zero | tr '\\0' x")
          expect(stdout).toBe(text)
        })
      )
      const isGone = () => !existsSync(`/proc/${readFileSync(pid, "utf8").trim()}`)
      yield* untilEffect(isGone)
      writeFileSync(join(home, ".ssh", "config"), "Host web\n  ProxyCommand sh -c 'echo no route >&2; exit 7'\n")
      const error = yield* Effect.flip(ssh.connect(server))
      expect(error).toMatchObject({ _tag: "HostUnreachable", reason: "proxy" })
      expect(error.message).toContain("(exit code 7: no route)")
    })
  )

  it.live("refuses what jiji cannot do, with file, line and option, unless it concerns other hosts", () =>
    Effect.gen(function* () {
      const { config, home, server, ssh } = yield* setup([])
      const before = readFileSync(config, "utf8")
      const refused = Effect.fnUntraced(function* (line: string, isOther = false) {
        writeFileSync(config, `${before}${isOther ? "Host other\n" : ""}  ${line}\n`)
        const fresh = yield* client({ home })
        return yield* Effect.flip(fresh.ssh.connect(server))
      })
      for (const line of [
        "KnownHostsCommand /bin/keys %H",
        "CanonicalizeHostname yes",
        "PubkeyAuthentication no",
        "PreferredAuthentications password",
        "CheckHostIP yes",
        "RemoteCommand tmux",
        "Ciphers chacha20-poly1305@openssh.com",
        "IdentityAgent ${NOT_SET_ANYWHERE}"
      ]) {
        const error = yield* refused(line)
        expect(error).toMatchObject({ _tag: "SshConfigRejected", file: config, line: 5, exitCode: 78 })
        expect(error.message).toContain(line.split(" ")[0] ?? "?")
      }
      expect(yield* refused("HostNam x", true)).toMatchObject({ line: 6, problem: "unknown", option: "HostNam" })
      writeFileSync(config, `${before}Host other\n  KnownHostsCommand /bin/keys\n`)
      yield* ssh.connect(server)
      chmodSync(config, 0o666)
      const writable = yield* client({ home })
      const error = yield* Effect.flip(writable.ssh.connect(server))
      expect(error.message).toContain("other users may write to it")
    })
  )

  it.live("refuses a `Match exec` that could matter, and runs nothing", () =>
    Effect.gen(function* () {
      const { config, home, server, ssh } = yield* setup([])
      const match = `Match exec "touch ${home}/ran"\n`
      const before = readFileSync(config, "utf8")
      writeFileSync(
        config,
        `${before}${match}  ForwardAgent yes\n  Port 9\nMatch originalhost other exec "touch ${home}/ran"\n  User x\n`
      )
      // The port is set above, and jiji forwards no agent.
      yield* ssh.connect(server)
      writeFileSync(config, `${match}  Compression yes\n  HostKeyAlias x\n${before}`)
      const error = yield* Effect.flip((yield* client({ home })).ssh.connect(server))
      expect(error).toMatchObject({ _tag: "SshConfigRejected", problem: "undecided", line: 1, detail: "HostKeyAlias" })
      expect(existsSync(join(home, "ran"))).toBe(false)
    })
  )

  it.live("chooses a key of the agent by its public key, at the agent of IdentityAgent", () =>
    Effect.gen(function* () {
      const { config, home, sshd, ssh } = yield* setup([])
      const socket = join(home, "agent.sock")
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          const out = execFileSync("ssh-agent", ["-a", socket], { encoding: "utf8" })
          return Number(/SSH_AGENT_PID=(\d+)/.exec(out)?.[1])
        }),
        (pid) => Effect.sync(() => process.kill(pid))
      )
      const keys = ["a", "b", "c"].map((name) => join(home, name))
      for (const key of [...keys, sshd.keyFile]) {
        if (key !== sshd.keyFile) Sshd.keygen(key, "ed25519")
        execFileSync("ssh-add", [key], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: "ignore" })
      }
      copyFileSync(`${sshd.keyFile}.pub`, join(home, ".ssh", "web.pub"))
      const before = readFileSync(config, "utf8")
      writeFileSync(
        config,
        `${before}  IdentityFile ~/.ssh/web.pub\n  IdentitiesOnly yes\n  IdentityAgent ~/agent.sock\n`
      )
      const server = aliased(sshd, home, { keys: [] })
      yield* ssh.connect(server)
      expect(sshd.log().match(/Failed publickey/g) ?? []).toEqual([])
      // deploy.yml may name the public key too.
      const named = yield* client({ home, agent: socket })
      yield* named.ssh.connect(aliased(sshd, home, { keys: [join(home, ".ssh", "web.pub")] }))
      writeFileSync(config, `${before}  IdentityFile ~/.ssh/web.pub\n  IdentityAgent none\n`)
      const none = yield* client({ home, agent: socket })
      const error = yield* Effect.flip(none.ssh.connect(server))
      expect(error).toMatchObject({ _tag: "AuthenticationFailed", tried: [] })
      expect(error.message).toContain("web.pub (it is a public key, and the agent does not have its private key)")
    })
  )

  it.live("names a certificate that jiji cannot log in with", () =>
    Effect.gen(function* () {
      const { config, home, sshd, ssh } = yield* setup([])
      const [ca, key] = [join(home, "ca"), join(home, "key")]
      Sshd.keygen(ca, "ed25519")
      Sshd.keygen(key, "ed25519")
      execFileSync("ssh-keygen", ["-q", "-s", ca, "-I", "me", "-n", sshd.user, `${key}.pub`], { stdio: "ignore" })
      appendFileSync(config, `  IdentityFile ${key}\n`)
      const error = yield* Effect.flip(ssh.connect(aliased(sshd, home, { keys: [] })))
      expect(error._tag).toBe("AuthenticationFailed")
      expect(error.message).toContain(`${key}-cert.pub (jiji cannot log in with certificates)`)
    })
  )

  it.live("sends the variables of SetEnv, and refuses keys that PubkeyAcceptedAlgorithms excludes", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make({ config: { AcceptEnv: "SHOP_*" } })
      const { home, ssh } = yield* client()
      const config = join(home, ".ssh", "config")
      const start = `Host web\n  HostName 127.0.0.1\n  Port ${sshd.port}\n`
      writeFileSync(config, `${start}  SetEnv SHOP_ONE=1 "SHOP_TWO=two words"\n`)
      const server = aliased(sshd, home)
      expect((yield* run(ssh, server, 'echo "$SHOP_ONE $SHOP_TWO"')).stdout).toBe("1 two words\n")
      writeFileSync(config, `${start}  PubkeyAcceptedAlgorithms rsa-sha2-512,rsa-sha2-256\n`)
      const error = yield* Effect.flip((yield* client({ home })).ssh.connect(server))
      expect(error).toMatchObject({ _tag: "AuthenticationFailed", tried: [] })
      expect(error.message).toContain("PubkeyAcceptedAlgorithms")
    })
  )
})

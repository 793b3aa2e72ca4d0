import { describe, expect, spyOn } from "bun:test"
import { Effect, Redacted } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { utils } from "ssh2"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { builtIn, client, folder, run, serverOf, untilNoSessions } from "./fixture.ts"

/** Makes a key that the server lets in. */
const newKey = (
  sshd: Sshd.Sshd,
  file: string,
  options: { readonly type?: string; readonly passphrase?: string } = {}
) => {
  const publicKey = Sshd.keygen(file, options.type ?? "ed25519", options.passphrase)
  appendFileSync(join(sshd.dir, "authorized_keys"), `${publicKey}\n`)
  return file
}

/** An agent that holds these keys, stopped with the scope. */
const agent = (...files: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const dir = yield* folder
    const socket = join(dir, "agent")
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const out = execFileSync("ssh-agent", ["-a", socket], { encoding: "utf8" })
        return Number(/SSH_AGENT_PID=(\d+)/.exec(out)?.[1])
      }),
      (pid) => Effect.sync(() => process.kill(pid))
    )
    for (const file of files)
      execFileSync("ssh-add", [file], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: "ignore" })
    return socket
  })

const passphrase = { _tag: "Name", name: "KEY_PASSPHRASE" } as const

describe("logging in", () => {
  for (const type of ["ed25519", "ecdsa", "rsa"]) {
    it.live(`accepts an ${type} key`, () =>
      Effect.gen(function* () {
        const sshd = yield* Sshd.make()
        const { home, ssh } = yield* client()
        const key = newKey(sshd, join(home, "key"), { type })
        yield* ssh.connect(serverOf(sshd, { keys: [key] }))
      })
    )
  }

  it.live("decrypts a key once, with the passphrase from a secret", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client({ env: { KEY_PASSPHRASE: "open sesame" } })
      const key = newKey(sshd, join(home, "key"), { passphrase: "open sesame" })
      const parseKey = yield* Effect.acquireRelease(
        Effect.sync(() => spyOn(utils, "parseKey")),
        (spy) => Effect.sync(() => spy.mockRestore())
      )
      yield* ssh.connect(serverOf(sshd, { keys: [key], passphrase }))
      const literal = { _tag: "Literal", value: Redacted.make("open sesame") } as const
      yield* ssh.connect(serverOf(sshd, { name: "web2", keys: [key], passphrase: literal }))
      const more = Array.from({ length: 20 }, (_, n) => serverOf(sshd, { name: `w${n}`, keys: [key], passphrase }))
      yield* Effect.forEach(more, (server) => ssh.connect(server), { concurrency: "unbounded" })
      // Decrypting takes most of a second, so it must not be repeated for every server.
      expect(parseKey.mock.calls.filter(([, passphrase]) => passphrase !== undefined)).toHaveLength(1)
    })
  )

  it.live("does not read a passphrase that no key needs", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client()
      yield* ssh.connect(serverOf(sshd, { passphrase }))
    })
  )

  it.live("names the missing secret for an encrypted key", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client()
      const key = newKey(sshd, join(home, "key"), { passphrase: "open sesame" })
      const error = yield* Effect.flip(ssh.connect(serverOf(sshd, { keys: [key], passphrase })))
      expect(error._tag).toBe("SecretsMissing")
      expect(error.message).toContain("KEY_PASSPHRASE")
    })
  )

  it.live("explains what is wrong with a configured key", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client({ env: { KEY_PASSPHRASE: "wrong" } })
      const encrypted = newKey(sshd, join(home, "key"), { passphrase: "open sesame" })
      const rubbish = join(home, "rubbish")
      writeFileSync(rubbish, "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----\n")
      const reason = (keys: ReadonlyArray<string>, secret = false) =>
        Effect.flip(ssh.connect(serverOf(sshd, { keys, ...(secret ? { passphrase } : {}) })))
      expect(yield* reason([join(home, "nothing")])).toMatchObject({ _tag: "KeyUnusable", reason: "missing" })
      expect(yield* reason([home])).toMatchObject({ _tag: "KeyUnusable", reason: "unreadable" })
      expect(yield* reason([rubbish])).toMatchObject({ _tag: "KeyUnusable", reason: "malformed" })
      expect(yield* reason([`${sshd.keyFile}.pub`])).toMatchObject({ _tag: "KeyUnusable", reason: "malformed" })
      expect(yield* reason([encrypted])).toMatchObject({ _tag: "KeyUnusable", reason: "passphrase-needed" })
      expect(yield* reason([encrypted], true)).toMatchObject({ _tag: "KeyUnusable", reason: "passphrase-wrong" })
      expect(yield* reason([join(home, "nothing"), sshd.keyFile])).toMatchObject({ reason: "missing" })
    })
  )

  it.live("tries the next key when one is rejected, and names all of them when none is accepted", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client()
      const stranger = join(home, "stranger")
      Sshd.keygen(stranger, "ed25519")
      yield* ssh.connect(serverOf(sshd, { keys: [stranger, sshd.keyFile] }))
      const error = yield* Effect.flip(ssh.connect(serverOf(sshd, { name: "web2", keys: [stranger] })))
      expect(error).toMatchObject({
        _tag: "AuthenticationFailed",
        tried: [stranger],
        methods: ["publickey"],
        exitCode: 77
      })
    })
  )

  it.live("needs no agent when a key is configured", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client({ agent: "/nowhere/agent" })
      yield* ssh.connect(serverOf(sshd))
    })
  )

  it.live("uses the agent when no key is configured", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client({ agent: yield* agent(sshd.keyFile) })
      yield* ssh.connect(serverOf(sshd, { keys: [] }))
    })
  )

  it.live("uses an RSA key of the agent with SHA-2", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const dir = yield* folder
      const { ssh } = yield* client({ agent: yield* agent(newKey(sshd, join(dir, "key"), { type: "rsa" })) })
      yield* ssh.connect(serverOf(sshd, { keys: [] }))
    })
  )

  it.live("uses the agent for an encrypted configured key that the agent has", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const dir = yield* folder
      const key = newKey(sshd, join(dir, "key"))
      const socket = yield* agent(key)
      execFileSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", "open sesame", "-f", key], { stdio: "ignore" })
      const { ssh } = yield* client({ agent: socket })
      yield* ssh.connect(serverOf(sshd, { keys: [key] }))
    })
  )

  it.live("uses a default identity when there is nothing else", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client({ agent: "/nowhere/agent" })
      copyFileSync(sshd.keyFile, join(home, ".ssh", "id_ed25519"))
      yield* ssh.connect(serverOf(sshd, { keys: [] }))
    })
  )

  it.live("skips unusable default identities, and names them when the login fails", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client()
      const encrypted = newKey(sshd, join(home, ".ssh", "id_ed25519"), { passphrase: "open sesame" })
      const error = yield* Effect.flip(ssh.connect(serverOf(sshd, { keys: [] })))
      expect(error).toMatchObject({ _tag: "AuthenticationFailed", tried: [] })
      expect(error.message).toContain(`${encrypted} (it is encrypted`)
      newKey(sshd, join(home, ".ssh", "id_ecdsa"), { type: "ecdsa" })
      yield* ssh.connect(serverOf(sshd, { keys: [] }))
    })
  )

  it.live("tries the agent's key from ~/.ssh/config first, before the server allows no more attempts", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make({ config: { MaxAuthTries: "2" } })
      const dir = yield* folder
      const others = Array.from({ length: 6 }, (_, n) => {
        Sshd.keygen(join(dir, `other${n}`), "ed25519")
        return join(dir, `other${n}`)
      })
      const { home, ssh } = yield* client({ agent: yield* agent(...others, sshd.keyFile) })
      const tired = yield* Effect.flip(ssh.connect(serverOf(sshd, { keys: [] })))
      expect(tired._tag).toBe("AuthenticationFailed")
      writeFileSync(join(home, ".ssh", "config"), `Host 127.0.0.1\n  IdentityFile ${sshd.keyFile}\n`)
      const again = yield* client({ home, agent: yield* agent(...others, sshd.keyFile) })
      yield* again.ssh.connect(serverOf(sshd, { keys: [] }))
    })
  )

  it.live("the built-in server rejects any other key or user", () =>
    Effect.gen(function* () {
      const { server } = yield* builtIn()
      const { home, ssh } = yield* client()
      const stranger = join(home, "stranger")
      Sshd.keygen(stranger, "ed25519")
      const error = yield* Effect.flip(ssh.connect({ ...server, keys: [stranger] }))
      expect(error).toMatchObject({ _tag: "AuthenticationFailed", tried: [stranger] })
      const other = yield* Effect.flip(ssh.connect({ ...server, user: "someone-else" }))
      expect(other._tag).toBe("AuthenticationFailed")
    })
  )
})

describe("~/.ssh/config", () => {
  it.live("sets host name, user, port and key, also from an included file", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client({ user: "nobody-here" })
      mkdirSync(join(home, ".ssh", "config.d"))
      copyFileSync(sshd.keyFile, join(home, ".ssh", "deploy key"))
      writeFileSync(join(home, ".ssh", "config"), "Include config.d/*\nHost *\n  User wrong\n")
      writeFileSync(
        join(home, ".ssh", "config.d", "shop"),
        `Host shop-*\n  HostName 127.0.0.1\n  User ${sshd.user}\n  Port ${sshd.port}\n  IdentityFile "~/.ssh/deploy key"\n`
      )
      const { host: _, port: __, user: ___, ...rest } = serverOf(sshd, { keys: [] })
      expect((yield* run(ssh, { ...rest, host: "shop-1" }, "echo in")).stdout).toBe("in\n")
    })
  )

  it.live("deploy.yml takes precedence", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client()
      writeFileSync(join(home, ".ssh", "config"), "Host *\n  User wrong\n  Port 9\n  IdentityFile /nowhere/key\n")
      yield* ssh.connect(serverOf(sshd))
    })
  )

  it.live("reading it runs no command", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client()
      writeFileSync(join(home, ".ssh", "config"), `Match exec "touch ${home}/ran"\n  User wrong\n`)
      yield* ssh.connect(serverOf(sshd))
      expect(spawnSync("ls", [home], { encoding: "utf8" }).stdout).not.toContain("ran")
      expect(readFileSync(join(home, ".ssh", "config"), "utf8")).toContain("Match")
    })
  )
})

describe("a jump host", () => {
  const jump = Effect.fnUntraced(function* () {
    const bastion = yield* Sshd.make()
    const sshd = yield* Sshd.make()
    appendFileSync(join(sshd.dir, "authorized_keys"), `${readFileSync(`${bastion.keyFile}.pub`, "utf8")}`)
    const knownHosts = join(sshd.dir, "both")
    writeFileSync(knownHosts, readFileSync(sshd.knownHosts, "utf8") + readFileSync(bastion.knownHosts, "utf8"))
    const proxy = `${bastion.user}@127.0.0.1:${bastion.port}`
    const server = serverOf(sshd, { keys: [bastion.keyFile], knownHosts, proxy })
    return { bastion, sshd, server }
  })

  it.live("leads to the server, is shared by several servers, and closes with the layer's scope", () =>
    Effect.gen(function* () {
      const { bastion, server, sshd } = yield* jump()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { ssh } = yield* client()
          const names = ["web1", "web2", "web3"]
          const lines = yield* Effect.forEach(names, (name) => run(ssh, { ...server, name }, "echo $SSH_CONNECTION"), {
            concurrency: "unbounded"
          })
          expect(lines.map(({ stdout }) => stdout.trim().split(" ")[3])).toEqual(names.map(() => String(sshd.port)))
          expect(yield* bastion.sessions).toBe(1)
          expect(yield* sshd.sessions).toBe(3)
        })
      )
      yield* untilNoSessions(bastion)
      yield* untilNoSessions(sshd)
    })
  )

  it.live("must have the known host key", () =>
    Effect.gen(function* () {
      const { bastion, server, sshd } = yield* jump()
      const { ssh } = yield* client()
      const key = sshd.hostKeys["ed25519"]
      writeFileSync(server.knownHosts, `[127.0.0.1]:${bastion.port} ${key}\n[127.0.0.1]:${sshd.port} ${key}\n`)
      const error = yield* Effect.flip(ssh.connect(server))
      expect(error).toMatchObject({ _tag: "HostKeyChanged", server: "jump host 127.0.0.1", port: bastion.port })
      expect(sshd.log()).not.toContain("Connection from")
    })
  )

  it.live("that refuses forwarding is an error that names the server", () =>
    Effect.gen(function* () {
      const bastion = yield* Sshd.make({ config: { AllowTcpForwarding: "no" } })
      const { ssh } = yield* client()
      const server = serverOf(bastion, { proxy: `127.0.0.1:${bastion.port}`, host: "127.0.0.1", port: 9 })
      const error = yield* Effect.flip(ssh.connect({ ...server, user: bastion.user }))
      expect(error).toMatchObject({ _tag: "HostUnreachable", server: "web1", reason: "jump" })
      expect(error.remedy).toContain("AllowTcpForwarding yes")
    })
  )

  it.live("closes the server's connection when it is lost", () =>
    Effect.gen(function* () {
      const { bastion, server } = yield* jump()
      const { ssh } = yield* client()
      const process = yield* ssh.exec(server, "sleep 60")
      yield* bastion.killSessions
      expect((yield* Effect.flip(process.exitCode))._tag).toBe("ConnectionLost")
    })
  )

  it.live("may be a chain of aliases in ~/.ssh/config", () =>
    Effect.gen(function* () {
      const { bastion, server, sshd } = yield* jump()
      const far = yield* Sshd.make()
      appendFileSync(join(far.dir, "authorized_keys"), readFileSync(`${bastion.keyFile}.pub`, "utf8"))
      appendFileSync(server.knownHosts, readFileSync(far.knownHosts, "utf8"))
      const { home, ssh } = yield* client({ user: bastion.user })
      writeFileSync(
        join(home, ".ssh", "config"),
        `Host outer
           HostName 127.0.0.1
           Port ${bastion.port}
         Host inner
           HostName 127.0.0.1
           Port ${sshd.port}
         Host app
           HostName 127.0.0.1
           Port ${far.port}
           ProxyJump outer,inner`
      )
      const { port: _, proxy: __, ...rest } = server
      const { stdout } = yield* run(ssh, { ...rest, host: "app" }, "echo $SSH_CONNECTION")
      expect(stdout.trim().split(" ")[3]).toBe(String(far.port))
      expect([yield* bastion.sessions, yield* sshd.sessions, yield* far.sessions]).toEqual([1, 1, 1])
    })
  )

  it.live("is a configuration error if it is circular or invalid", () =>
    Effect.gen(function* () {
      const { server } = yield* jump()
      const { home, ssh } = yield* client()
      writeFileSync(join(home, ".ssh", "config"), "Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
      const loop = yield* Effect.flip(ssh.connect({ ...server, proxy: "a" }))
      expect(loop).toMatchObject({ _tag: "ProxyInvalid", problem: "loop", exitCode: 78 })
      const syntax = yield* Effect.flip(ssh.connect({ ...server, proxy: "a b" }))
      expect(syntax).toMatchObject({ _tag: "ProxyInvalid", problem: "syntax" })
    })
  )
})

import { describe, expect, spyOn } from "bun:test"
import { Effect, Redacted } from "effect"
import { execFileSync } from "node:child_process"
import { appendFileSync, copyFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { utils } from "ssh2"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { builtIn, client, folder, serverOf } from "./fixture.ts"

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
      expect(yield* reason([`${sshd.keyFile}.pub`])).toMatchObject({ _tag: "KeyUnusable", reason: "public-only" })
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

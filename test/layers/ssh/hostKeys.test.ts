import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { utils } from "ssh2"
import * as HostKeys from "../../../src/layers/ssh/HostKeys.ts"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { client, run, serverOf } from "./fixture.ts"

const name = (sshd: Sshd.Sshd) => `[127.0.0.1]:${sshd.port}`

describe("a host key", () => {
  it.live("is recorded under accept-new when unknown, in a file and folder that only the user can read", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client()
      const knownHosts = join(home, "deep", ".ssh", "known_hosts")
      const server = serverOf(sshd, { knownHosts, hostKeys: "accept-new" })
      yield* ssh.connect(server)
      const [field, ...key] = readFileSync(knownHosts, "utf8").trimEnd().split(" ")
      expect(key.join(" ")).toBe(sshd.hostKeys["ed25519"] ?? "")
      expect(field).toStartWith("|1|")
      expect(statSync(knownHosts).mode & 0o777).toBe(0o600)
      expect(statSync(join(home, "deep", ".ssh")).mode & 0o777).toBe(0o700)
      // OpenSSH understands what was written.
      expect(execFileSync("ssh-keygen", ["-F", name(sshd), "-f", knownHosts], { encoding: "utf8" })).toContain("found")
    })
  )

  it.live("is rejected under strict when unknown, with its fingerprint and a remedy", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client()
      const knownHosts = join(home, "known_hosts")
      const error = yield* Effect.flip(ssh.connect(serverOf(sshd, { knownHosts })))
      const print = execFileSync("ssh-keygen", ["-lf", join(sshd.dir, "host_ed25519.pub")], { encoding: "utf8" }).split(
        " "
      )[1]
      expect(error).toMatchObject({ _tag: "HostKeyUnknown", offered: print, exitCode: 77 })
      expect(error.remedy).toContain(`ssh-keyscan -p ${sshd.port} 127.0.0.1`)
      expect(existsSync(knownHosts)).toBe(false)
    })
  )

  for (const hostKeys of ["strict", "accept-new"] as const) {
    it.live(`is rejected under ${hostKeys} when it has changed, before any login`, () =>
      Effect.gen(function* () {
        const sshd = yield* Sshd.make()
        const other = yield* Sshd.make()
        const { home, ssh } = yield* client()
        const knownHosts = join(home, "known_hosts")
        const before = `# mine\n${name(sshd)} ${other.hostKeys["ed25519"]}\n`
        writeFileSync(knownHosts, before)
        const error = yield* Effect.flip(ssh.connect(serverOf(sshd, { knownHosts, hostKeys })))
        expect(error).toMatchObject({ _tag: "HostKeyChanged", file: knownHosts, line: 2, exitCode: 77 })
        expect(error.message).toMatch(/SHA256:\S+.*SHA256:\S+/)
        expect(error.remedy).toContain(`ssh-keygen -R '${name(sshd)}' -f '${knownHosts}'`)
        expect(readFileSync(knownHosts, "utf8")).toBe(before)
        expect(sshd.log()).not.toContain("Accepted")
      })
    )
  }

  it.live("is requested in a known type, so that the server's other keys do not count as changed", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make({ hostKeyTypes: ["ed25519", "ecdsa", "rsa"] })
      const { home, ssh } = yield* client()
      for (const type of ["ed25519", "ecdsa", "rsa"]) {
        const knownHosts = join(home, `known_hosts_${type}`)
        writeFileSync(knownHosts, `${name(sshd)} ${sshd.hostKeys[type]}\n`)
        yield* ssh.connect(serverOf(sshd, { name: type, knownHosts }))
      }
    })
  )

  it.live("counts as changed if its type is not a known one", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make({ hostKeyTypes: ["ecdsa"] })
      const other = yield* Sshd.make()
      const { home, ssh } = yield* client()
      const knownHosts = join(home, "known_hosts")
      writeFileSync(knownHosts, `${name(sshd)} ${other.hostKeys["ed25519"]}\n`)
      const error = yield* Effect.flip(ssh.connect(serverOf(sshd, { knownHosts, hostKeys: "accept-new" })))
      expect(error._tag).toBe("HostKeyChanged")
    })
  )

  it.live("is found in a file hashed by ssh-keygen -H", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client()
      execFileSync("ssh-keygen", ["-q", "-H", "-f", sshd.knownHosts], { stdio: "ignore" })
      expect(readFileSync(sshd.knownHosts, "utf8")).toStartWith("|1|")
      yield* ssh.connect(serverOf(sshd))
    })
  )

  it.live("is rejected when revoked", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client()
      const knownHosts = join(home, "known_hosts")
      const key = sshd.hostKeys["ed25519"]
      writeFileSync(knownHosts, `${name(sshd)} ${key}\n@revoked * ${key}\n`)
      const error = yield* Effect.flip(ssh.connect(serverOf(sshd, { knownHosts, hostKeys: "accept-new" })))
      expect(error).toMatchObject({ _tag: "HostKeyRevoked", line: 2 })
    })
  )

  it.live("is recorded once by many simultaneous connections, on its own line", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client()
      const knownHosts = join(home, "known_hosts")
      writeFileSync(knownHosts, "# no line break at the end")
      const servers = Array.from({ length: 10 }, (_, n) =>
        serverOf(sshd, { name: `web${n}`, knownHosts, hostKeys: "accept-new" })
      )
      yield* Effect.forEach(servers, (server) => ssh.connect(server), { concurrency: "unbounded" })
      const lines = readFileSync(knownHosts, "utf8").split("\n")
      expect(lines).toEqual([
        "# no line break at the end",
        expect.stringContaining(sshd.hostKeys["ed25519"] ?? "?"),
        ""
      ])
    })
  )

  it.live("is recorded once by simultaneous writers", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const file = join(sshd.dir, "new_known_hosts")
      const hostKeys = yield* HostKeys.make
      const key = Buffer.from(sshd.hostKeys["ed25519"]?.split(" ")[1] ?? "", "base64")
      const hosts = Array.from({ length: 60 }, (_, n) => `web${n % 20}`)
      const at = (host: string) => ({ files: [file], record: file, host, port: 22 })
      yield* Effect.forEach(hosts, (host) => hostKeys.addIfUnknown(at(host), key), { concurrency: "unbounded" })
      const lines = readFileSync(file, "utf8").trimEnd().split("\n")
      expect(lines.length).toBe(20)
      for (const host of new Set(hosts)) expect((yield* hostKeys.read(at(host))).check(key)._tag).toBe("Known")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("is never written to a file of another name through a link: in authorized_keys it would grant access", () =>
    Effect.gen(function* () {
      const { home } = yield* client()
      const hostKeys = yield* HostKeys.make
      const key = Buffer.from(utils.generateKeyPairSync("ed25519").public.split(" ")[1] ?? "", "base64")
      const at = (file: string) => join(home, ".ssh", file)
      const remember = (file: string) =>
        hostKeys.addIfUnknown({ files: [at(file)], record: at(file), host: "no-pty", port: 22 }, key)
      writeFileSync(at("authorized_keys"), "mine\n")
      symlinkSync("authorized_keys", at("known_hosts"))
      symlinkSync("known_hosts", at("known_hosts2"))
      symlinkSync("nothing_yet", at("known_hosts3"))
      for (const file of ["authorized_keys", "known_hosts", "known_hosts2", "known_hosts3", "known_hosts4/../rc"]) {
        const error = yield* Effect.flip(remember(file))
        expect([file, error._tag, error.exitCode]).toEqual([file, "KnownHostsMisnamed", 78])
      }
      expect(readFileSync(at("authorized_keys"), "utf8")).toBe("mine\n")
      expect([existsSync(at("nothing_yet")), existsSync(at("rc"))]).toEqual([false, false])

      symlinkSync("known_hosts_of_work", at("work"))
      expect((yield* remember("work"))._tag).toBe("Unknown")
      expect((yield* remember("known_hosts_of_work"))._tag).toBe("Known")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("is an error when known_hosts cannot be read, since it might have changed", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { home, ssh } = yield* client()
      const knownHosts = join(home, "known_hosts")
      mkdirSync(knownHosts)
      const error = yield* Effect.flip(ssh.connect(serverOf(sshd, { knownHosts, hostKeys: "accept-new" })))
      expect(error).toMatchObject({ _tag: "SshFileUnusable", operation: "read", file: knownHosts })
    })
  )

  it.live("is an error when it cannot be recorded, since it would stay unknown", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make()
      const { ssh } = yield* client()
      const server = serverOf(sshd, { knownHosts: "/proc/self/known_hosts", hostKeys: "accept-new" })
      const error = yield* Effect.flip(ssh.connect(server))
      expect(error).toMatchObject({ _tag: "SshFileUnusable", operation: "write" })
      expect((yield* run(ssh, serverOf(sshd), "echo ok")).stdout).toBe("ok\n")
    })
  )
})

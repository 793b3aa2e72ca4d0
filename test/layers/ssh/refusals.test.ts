import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { client, run, serverOf } from "./fixture.ts"

describe("a server that does not let jiji work", () => {
  it.live("because the account only has sftp is not taken for a fault of the engine", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make({
        config: { ForceCommand: "internal-sftp", Subsystem: "sftp internal-sftp" }
      })
      const { ssh } = yield* client()
      yield* ssh.connect(serverOf(sshd))
      const error = yield* Effect.flip(run(ssh, serverOf(sshd), "docker version"))
      expect(error).toMatchObject({ _tag: "AccountWithoutShell", user: sshd.user, exitCode: 77 })
      expect(error.remedy).toContain("ForceCommand")
    })
  )

  it.live("because the account has no login quotes what it answers", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make({ config: { ForceCommand: "/usr/sbin/nologin" } })
      const { ssh } = yield* client()
      const error = yield* Effect.flip(run(ssh, serverOf(sshd), "docker version"))
      expect(error._tag).toBe("AccountWithoutShell")
      expect(error.message).toContain("This account is currently not available.")
    })
  )

  it.live("is not assumed when start files print text, or end with a failure", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make({
        config: { ForceCommand: `sh -c 'echo Welcome; echo Careful >&2; eval "$SSH_ORIGINAL_COMMAND"; exit 3'` }
      })
      const { ssh } = yield* client()
      expect(yield* run(ssh, serverOf(sshd), "echo ok")).toMatchObject({ stdout: "Welcome\nok\n", code: 3 })
    })
  )

  it.live("because its key exchanges are too new says which it offers, and which jiji has", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make({ config: { KexAlgorithms: "sntrup761x25519-sha512@openssh.com" } })
      const { ssh } = yield* client()
      const error = yield* Effect.flip(ssh.connect(serverOf(sshd)))
      expect(error).toMatchObject({
        _tag: "NoCommonAlgorithm",
        kind: "key exchange",
        offered: ["sntrup761x25519-sha512@openssh.com"],
        exitCode: 69
      })
      expect(error.remedy).toContain("curve25519-sha256")
      expect(`${error.message} ${error.remedy}`).not.toContain("up-to-date")
    })
  )

  it.live("because its ciphers or MACs are others says so", () =>
    Effect.gen(function* () {
      const { ssh } = yield* client()
      const ciphers = yield* Sshd.make({ config: { Ciphers: "chacha20-poly1305@openssh.com" } })
      expect(yield* Effect.flip(ssh.connect(serverOf(ciphers)))).toMatchObject({
        _tag: "NoCommonAlgorithm",
        kind: "cipher",
        offered: ["chacha20-poly1305@openssh.com"]
      })
      const macs = yield* Sshd.make({ config: { Ciphers: "aes256-ctr", MACs: "umac-64@openssh.com" } })
      expect(yield* Effect.flip(ssh.connect(serverOf(macs, { name: "web2" })))).toMatchObject({
        _tag: "NoCommonAlgorithm",
        kind: "MAC",
        offered: ["umac-64@openssh.com"]
      })
    })
  )

  it.live("because it permits no port to listen names PermitListen", () =>
    Effect.gen(function* () {
      const sshd = yield* Sshd.make({ config: { PermitListen: "none" } })
      const { ssh } = yield* client()
      const error = yield* Effect.flip(Effect.scoped(ssh.forward(serverOf(sshd), { port: 9270, to: 1 })))
      expect(error._tag).toBe("ForwardRefused")
      expect(error.remedy).toContain("add 127.0.0.1:9270 to PermitListen")
      expect(error.remedy).toContain("AllowTcpForwarding yes")
    })
  )
})

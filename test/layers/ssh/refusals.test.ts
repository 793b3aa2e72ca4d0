import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { client, serverOf } from "./fixture.ts"

describe("a server that does not let jiji work", () => {
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

import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { client, serverOf } from "./fixture.ts"

describe("RequiredRSASize", () => {
  const setup = Effect.fnUntraced(function* (bits: number) {
    // An RSA host key of 2048 bits.
    const sshd = yield* Sshd.make({ hostKeyTypes: ["rsa"] })
    const { home, ssh } = yield* client()
    writeFileSync(join(home, ".ssh/config"), `RequiredRSASize ${bits}\n`)
    return { home, sshd, ssh }
  })

  for (const known of [true, false]) {
    it.live(`refuses a shorter host key that is ${known ? "known" : "unknown, and does not record it"}`, () =>
      Effect.gen(function* () {
        const { home, ssh, sshd } = yield* setup(4096)
        const knownHosts = known ? sshd.knownHosts : join(home, ".ssh/known_hosts")
        const error = yield* Effect.flip(ssh.connect(serverOf(sshd, { hostKeys: "accept-new", knownHosts })))
        expect(error).toMatchObject({ _tag: "HostUnreachable", reason: "short-key" })
        expect(error.message).toContain("(it has 2048 bits, and 4096 are required)")
        expect(existsSync(knownHosts)).toBe(known)
      })
    )
  }

  it.live("accepts a host key of exactly that size", () =>
    Effect.gen(function* () {
      const { ssh, sshd } = yield* setup(2048)
      yield* ssh.connect(serverOf(sshd))
    })
  )
})

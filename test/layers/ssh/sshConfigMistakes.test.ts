import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ConfigFiles from "../../../src/layers/ssh/config/ConfigFiles.ts"
import * as HostConfig from "../../../src/layers/ssh/config/HostConfig.ts"
import { it } from "../../support/effect.ts"
import { folder } from "./fixture.ts"

/** What jiji and ssh make of a ~/.ssh/config. */
const load = Effect.fnUntraced(function* (text: string) {
  const home = yield* folder
  const file = join(home, ".ssh/config")
  mkdirSync(join(home, ".ssh"))
  writeFileSync(file, text)
  const ssh = spawnSync("ssh", ["-F", file, "-G", "web1"], { encoding: "utf8" })
  const files = yield* ConfigFiles.make({ home, system: join(home, "system") })
  const caller = { home, system: "/etc/ssh", user: "me", environment: { A: "sent" } }
  const lookup = { alias: "web1", overrides: new Map(), unused: new Set<string>() }
  return { ssh, jiji: yield* Effect.result(HostConfig.load(files, caller, lookup)) }
}, Effect.provide(NodeFileSystem.layer))

describe("jiji refuses a ~/.ssh/config that ssh refuses, also in a block that does not apply", () => {
  for (const line of [
    "SetEnv A",
    "SetEnv =1",
    "SetEnv A=1 B",
    "UserKnownHostsFile none /a",
    "UserKnownHostsFile /a None",
    "GlobalKnownHostsFile none /a",
    "Ciphers aes*",
    "Ciphers +aes*",
    "Ciphers ^aes*",
    "Ciphers *",
    "MACs +hmac-*",
    "KexAlgorithms curve*",
    "ProxyJump a@",
    "ProxyJump @a",
    "ProxyJump a,",
    "ProxyJump a,,b"
  ])
    for (const host of ["web1", "other"]) {
      it.live(`${line}, for ${host}`, () =>
        Effect.gen(function* () {
          const { jiji, ssh } = yield* load(`Host ${host}\n  ${line}\n`)
          expect(ssh.status).not.toBe(0)
          expect(jiji).toMatchObject({ _tag: "Failure", failure: { _tag: "SshConfigRejected", problem: "invalid" } })
        })
      )
    }
})

describe("jiji accepts what ssh accepts", () => {
  for (const line of ["Ciphers -aes128*", "MACs -hmac-sha1*", "HostKeyAlgorithms ssh-*", "UserKnownHostsFile None"]) {
    it.live(line, () =>
      Effect.gen(function* () {
        const { jiji, ssh } = yield* load(line)
        expect([ssh.status, jiji._tag]).toEqual([0, "Success"])
      })
    )
  }
})

it.live("the first value of a variable in SetEnv counts, and it overrides SendEnv", () =>
  Effect.gen(function* () {
    const { jiji } = yield* load("SendEnv A\nSetEnv A=1 A=2 B=\n")
    expect(jiji).toMatchObject({ _tag: "Success", success: { env: { A: "1", B: "" } } })
  })
)

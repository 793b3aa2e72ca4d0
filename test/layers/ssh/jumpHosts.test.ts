import { describe, expect } from "bun:test"
import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ConfigFiles from "../../../src/layers/ssh/config/ConfigFiles.ts"
import { route } from "../../../src/layers/ssh/Route.ts"
import { SshSettings } from "../../../src/layers/ssh/Settings.ts"
import { it } from "../../support/effect.ts"
import { folder, serverOf } from "./fixture.ts"
import * as Sshd from "./Sshd.ts"

/** What ssh and jiji make of a jump host in ~/.ssh/config, for a server in the block and for another one. */
const load = Effect.fnUntraced(function* (jump: string, host: string) {
  const home = yield* folder
  const file = join(home, ".ssh/config")
  mkdirSync(join(home, ".ssh"))
  writeFileSync(file, `Host web1\n  ProxyJump ${jump}\n`)
  const ssh = spawnSync("ssh", ["-F", file, "-G", host], { encoding: "utf8" })
  const settings = { ...(yield* SshSettings), home, system: join(home, "system") }
  const files = yield* ConfigFiles.make(settings)
  const server = { ...serverOf(yield* Sshd.make()), host, port: 22, defaults: [] }
  const jiji = yield* Effect.result(route(server, files).pipe(Effect.provideService(SshSettings, settings)))
  return { ssh, jiji }
}, Effect.provide(NodeFileSystem.layer))

describe("a jump host in ~/.ssh/config", () => {
  for (const jump of [
    "::1",
    "fe80::1%%eth0",
    "a:0",
    "a:99999",
    "a:22x",
    "[::1",
    "[::1]:0",
    "a/b",
    "a,b:0",
    "ssh://a:99999",
    "ssh://"
  ])
    for (const host of ["web1", "other"])
      it.live(`is refused: ${jump}, for ${host}`, () =>
        Effect.gen(function* () {
          const { jiji, ssh } = yield* load(jump, host)
          expect(ssh.status).not.toBe(0)
          expect(jiji).toMatchObject({
            _tag: "Failure",
            failure: { _tag: "SshConfigRejected", problem: "invalid", option: "ProxyJump" }
          })
          const { message } = (jiji._tag === "Failure" ? jiji.failure : new Error()) as Error
          expect(message.includes("in brackets")).toBe(jump.includes("::1") && !jump.startsWith("["))
        })
      )

  for (const [jump, address] of [
    ["bastion", { host: "bastion", port: 22 }],
    ["bastion:", { host: "bastion", port: 22 }],
    ["me@bastion:2222", { host: "bastion", port: 2222, user: "me" }],
    ["me@corp@bastion", { host: "bastion", user: "me@corp" }],
    ["[::1]:2222", { host: "::1", port: 2222 }],
    ["ssh://me@bastion:2222/", { host: "bastion", port: 2222, user: "me" }]
  ] as const)
    it.live(`is accepted: ${jump}`, () =>
      Effect.gen(function* () {
        const { jiji, ssh } = yield* load(jump, "web1")
        expect(ssh.status).toBe(0)
        expect(jiji).toMatchObject({ _tag: "Success", success: [address, { host: "web1" }] })
      })
    )
})

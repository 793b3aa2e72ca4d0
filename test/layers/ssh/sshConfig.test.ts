import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { client, run, serverOf } from "./fixture.ts"

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

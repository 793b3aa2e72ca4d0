import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { appendFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { it } from "../../support/effect.ts"
import * as Sshd from "./Sshd.ts"
import { client, run, serverOf, untilNoSessions } from "./fixture.ts"

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

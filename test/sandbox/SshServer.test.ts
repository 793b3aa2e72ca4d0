import { describe, expect } from "bun:test"
import { Effect, Exit, Scope } from "effect"
import { execFile } from "node:child_process"
import type { Server } from "../../src/config/Project.ts"
import { it } from "../support/effect.ts"
import { builtIn } from "../layers/ssh/fixture.ts"
import { addressesOf, listeners, loopback } from "../layers/ssh/net.ts"
import { advanceUntilDone, untilEffect } from "../support/waiting.ts"

/** Connects OpenSSH's client to the built-in server. */
const openssh = (server: Server, ...args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number; readonly stdout: string; readonly stderr: string }>((resume) => {
    const options = ["-F", "none", "-n", "-o", `UserKnownHostsFile=${server.knownHosts}`, "-o", "BatchMode=yes"]
    const target = ["-i", server.keys[0] ?? "", "-p", String(server.port), "-l", server.user ?? "", server.host]
    const child = execFile(
      "ssh",
      [...options, ...args.slice(0, -1), ...target, ...args.slice(-1).filter((line) => line !== "")],
      (_, stdout, stderr) => resume(Effect.succeed({ code: child.exitCode ?? -1, stdout, stderr }))
    )
  })

describe("the built-in SSH server", () => {
  it.live("runs a command for OpenSSH's client", () =>
    Effect.gen(function* () {
      const { server } = yield* builtIn()
      const result = yield* openssh(server, "echo out; echo err >&2; exit 7")
      expect(result).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" })
    })
  )

  it.live("listens only on 127.0.0.1, and stops listening when its scope closes", () =>
    Effect.gen(function* () {
      const before = listeners([process.pid])
      const scope = yield* Scope.make()
      const { running } = yield* builtIn().pipe(Scope.provide(scope))
      expect(addressesOf(running.port)).toEqual([loopback])
      yield* Scope.close(scope, Exit.void)
      yield* untilEffect(() => listeners([process.pid]) === before)
    })
  )

  it.live("refuses to forward ports of other addresses", () =>
    Effect.gen(function* () {
      const { server } = yield* builtIn()
      for (const address of ["0.0.0.0", "*", "203.0.113.9"]) {
        const forward = `${address}:0:127.0.0.1:9`
        const { code, stderr } = yield* openssh(server, "-o", "ExitOnForwardFailure=yes", "-R", forward, "true")
        expect(code).toBe(255)
        expect(stderr).toContain("remote port forwarding failed")
      }
    })
  )

  it.live("has no terminal, no SFTP and no outgoing forwards", () =>
    Effect.gen(function* () {
      const { running, server } = yield* builtIn()
      expect((yield* openssh(server, "-tt", "tty")).stderr).toContain("PTY allocation request failed")
      expect((yield* openssh(server, "-s", "sftp")).stderr).toContain("subsystem request failed")
      const outgoing = yield* openssh(server, "-W", `127.0.0.1:${running.port}`, "")
      expect(outgoing.code).toBe(255)
      expect(outgoing.stderr).toContain("open failed")
    })
  )

  it.effect("delays the start of a command", () =>
    Effect.gen(function* () {
      const { server } = yield* builtIn({ delay: "1 hour" })
      const order: Array<string> = []
      const late = yield* Effect.forkChild(
        Effect.tap(openssh(server, "echo late"), () => Effect.sync(() => order.push("late")))
      )
      // The server without a delay answers several times while the other one waits.
      const { server: other } = yield* builtIn()
      for (const word of ["one", "two", "three"]) order.push((yield* openssh(other, `echo ${word}`)).stdout.trim())
      const { stdout } = yield* advanceUntilDone(late, "10 minutes")
      expect(stdout).toBe("late\n")
      expect(order).toEqual(["one", "two", "three", "late"])
    })
  )
})

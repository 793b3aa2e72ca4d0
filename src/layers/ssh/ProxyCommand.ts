import { Effect } from "effect"
import { spawn } from "node:child_process"
import { Duplex } from "node:stream"
import { HostUnreachable } from "./SshError.ts"
import type { Hop } from "./Route.ts"
import { SshSettings } from "./Settings.ts"

/** How much of a command's last error output an error quotes. */
const quoted = 500

/** A connection through a program. */
export interface CommandTransport {
  readonly stream: Duplex
  /** Completes when the program has ended. */
  readonly ended: Effect.Effect<HostUnreachable>
}

/** Runs a ProxyCommand as OpenSSH does; its stdin and stdout are the connection. Ends it with the scope. */
export const dialByCommand = Effect.fnUntraced(function* (server: string, hop: Hop, command: string) {
  const { environment } = yield* SshSettings
  const shell = environment["SHELL"] ?? ""
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(shell === "" ? "/bin/sh" : shell, ["-c", `exec ${command}`], {
        stdio: ["pipe", "pipe", "pipe"],
        env: { ...environment },
        // A process group of its own: Ctrl-C must not end the connection before jiji has cleaned up on the server.
        detached: true
      })
    ),
    (child) =>
      Effect.sync(() => {
        child.stdin.destroy()
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
        try {
          process.kill(-child.pid, "SIGHUP")
        } catch {
          // It has just ended.
        }
      })
  )
  let errors = ""
  child.stderr.on("data", (bytes: Buffer) => (errors = (errors + bytes.toString()).slice(-quoted)))
  let cause: unknown
  // Without a listener, an error crashes the process. The handshake fails anyway, because the stream ends.
  child.on("error", (error) => (cause = error))
  child.stdin.on("error", () => {})
  let isClosed = false
  child.once("close", () => (isClosed = true))
  const failure = (): HostUnreachable => {
    const status = child.signalCode ?? `exit code ${child.exitCode}`
    const text = errors.trim().replaceAll(/\s*\n\s*/g, "; ")
    return new HostUnreachable({
      server,
      host: hop.host,
      port: hop.port,
      reason: "proxy",
      cause: cause ?? new Error(text === "" ? status : `${status}: ${text}`)
    })
  }
  return {
    stream: Duplex.from({ readable: child.stdout, writable: child.stdin }),
    ended: Effect.callback<HostUnreachable>((resume) => {
      if (isClosed) return resume(Effect.succeed(failure()))
      child.once("close", () => resume(Effect.succeed(failure())))
    })
  } satisfies CommandTransport
})

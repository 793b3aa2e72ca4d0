import { Effect, type Scope } from "effect"
import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { Client } from "ssh2"
import { HostUnreachable } from "./SshError.ts"
import type { Hop } from "./Route.ts"

const reasons: Readonly<Record<string, HostUnreachable["reason"]>> = {
  ENOTFOUND: "dns",
  EAI_AGAIN: "dns",
  EAI_NONAME: "dns",
  ECONNREFUSED: "refused",
  ETIMEDOUT: "timeout",
  EHOSTUNREACH: "unroutable",
  ENETUNREACH: "unroutable",
  EADDRNOTAVAIL: "unroutable",
  ECONNRESET: "reset",
  EPIPE: "reset"
}

/** What a socket's error says about how far a connection got. */
export const reasonOf = (error: unknown): HostUnreachable["reason"] | undefined => {
  // Several addresses were tried: what the first of them met stands for all.
  if (error instanceof AggregateError) return reasonOf(error.errors[0])
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined
  return reasons[error.code] ?? (error.code.startsWith("EAI_") || error.code.startsWith("DNS_") ? "dns" : undefined)
}

/** Opens a TCP connection that is closed with the scope. */
export const dial = Effect.fnUntraced(function* (server: string, hop: Hop) {
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new Socket()),
    (socket) => Effect.sync(() => socket.destroy())
  )
  return yield* Effect.callback<Socket, HostUnreachable>((resume) => {
    // Also swallows what comes after the connection failed: a socket's error without a listener ends the process.
    socket.on("error", (cause) => {
      const reason = reasonOf(cause) ?? "unroutable"
      resume(Effect.fail(new HostUnreachable({ server, host: hop.host, port: hop.port, reason, cause })))
    })
    socket.once("connect", () => {
      socket.setNoDelay(true)
      resume(Effect.succeed(socket))
    })
    socket.connect({ host: hop.host, port: hop.port })
  })
})

/** Opens a way to a host through a connection to its jump host; closed with the scope. */
export const through = (server: string, jump: Client, hop: Hop): Effect.Effect<Duplex, HostUnreachable, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Duplex, HostUnreachable>((resume) => {
      let abandoned = false
      const refuse = (cause: unknown) =>
        resume(Effect.fail(new HostUnreachable({ server, host: hop.host, port: hop.port, reason: "jump", cause })))
      try {
        jump.forwardOut("127.0.0.1", 0, hop.host, hop.port, (error, channel) => {
          if (error) return refuse(error)
          if (abandoned) return void channel.close()
          resume(Effect.succeed(channel))
        })
      } catch (cause) {
        refuse(cause)
      }
      return Effect.sync(() => (abandoned = true))
    }),
    (channel) => Effect.sync(() => channel.destroy()),
    { interruptible: true }
  )

import { Effect, type Scope } from "effect"
import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { Client } from "ssh2"
import { HostUnreachable } from "./SshError.ts"
import type { Hop } from "./Route.ts"

const reasonByCode: Readonly<Record<string, HostUnreachable["reason"]>> = {
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

/** Why a connection failed, from a socket's error; undefined if the error is unknown. */
export const unreachableReason = (error: unknown): HostUnreachable["reason"] | undefined => {
  // Node tried several addresses. Report the error of the first.
  if (error instanceof AggregateError) return unreachableReason(error.errors[0])
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined
  return (
    reasonByCode[error.code] ?? (error.code.startsWith("EAI_") || error.code.startsWith("DNS_") ? "dns" : undefined)
  )
}

/** Opens a TCP connection. Closes it with the scope. */
export const dial = Effect.fnUntraced(function* (server: string, hop: Hop) {
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new Socket()),
    (socket) => Effect.sync(() => socket.destroy())
  )
  return yield* Effect.callback<Socket, HostUnreachable>((resume) => {
    // Never removed, even after a failure: a socket error without a listener crashes the process.
    socket.on("error", (cause) => {
      const reason = unreachableReason(cause) ?? "unroutable"
      resume(Effect.fail(new HostUnreachable({ server, host: hop.host, port: hop.port, reason, cause })))
    })
    socket.once("connect", () => {
      socket.setNoDelay(true)
      resume(Effect.succeed(socket))
    })
    const { bindAddress, family } = hop.config
    socket.connect({
      host: hop.host,
      port: hop.port,
      ...(bindAddress === undefined ? {} : { localAddress: bindAddress }),
      ...(family === undefined ? {} : { family })
    })
  })
})

/** Connects to a host through the connection to its jump host. Closes the channel with the scope. */
export const dialThroughJump = (
  server: string,
  jump: Client,
  hop: Hop
): Effect.Effect<Duplex, HostUnreachable, Scope.Scope> =>
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

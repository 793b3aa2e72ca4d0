import { Data, Deferred, Effect } from "effect"
import type { Duplex } from "node:stream"
import type { Connection } from "./Connection.ts"
import type { ConnectionLost } from "./SshError.ts"

/**
 * The server does not connect jiji to a Unix socket: sshd forbids it, or nothing listens there, or the user may not use it.
 * OpenSSH gives the same reason for all three.
 */
export class SocketRefused extends Data.TaggedClass("SocketRefused")<{
  readonly server: string
  readonly path: string
}> {}

/** A connection to a Unix socket on a server. */
export interface RemoteSocket {
  readonly stream: Duplex
  /** Never succeeds. Fails when the SSH connection is lost, which a reader of the stream sees as its normal end. */
  readonly lost: Effect.Effect<never, ConnectionLost>
}

/** Connects to a Unix socket on the server. */
export const dial = (
  { client, lost, server }: Connection,
  path: string
): Effect.Effect<RemoteSocket, SocketRefused | ConnectionLost> =>
  Effect.callback<RemoteSocket, SocketRefused | ConnectionLost>((resume) => {
    let abandoned = false
    // If the connection is lost, report that instead of a refusal by the server.
    const refuse = () =>
      resume(Deferred.isDoneUnsafe(lost) ? Deferred.await(lost) : Effect.fail(new SocketRefused({ server, path })))
    try {
      client.openssh_forwardOutStreamLocal(path, (error, channel) => {
        if (error) return refuse()
        if (abandoned) return void channel.close()
        // Its reader sees the end of the stream. An error without a listener would crash the process.
        channel.on("error", () => {})
        resume(Effect.succeed({ stream: channel, lost: Deferred.await(lost) }))
      })
    } catch {
      refuse()
    }
    return Effect.sync(() => (abandoned = true))
  }).pipe(Effect.raceFirst(Deferred.await(lost)))

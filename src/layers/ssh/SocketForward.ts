import { Data, Deferred, Effect } from "effect"
import type { Duplex } from "node:stream"
import type { Connection } from "./Connection.ts"
import type { ConnectionLost } from "./SshError.ts"

/** The server does not connect jiji to a Unix socket: sshd forbids it, or nothing listens there, or the user may not use it. */
export class SocketRefused extends Data.TaggedClass("SocketRefused")<{
  readonly server: string
  readonly path: string
  /** sshd forbids it (AllowStreamLocalForwarding), so it would forbid any other socket, too. */
  readonly isForbidden: boolean
}> {}

/** A connection to a Unix socket on a server. */
export interface RemoteSocket {
  readonly stream: Duplex
  /** Never succeeds. Fails when the SSH connection is lost, which a reader of the stream sees as its normal end. */
  readonly lost: Effect.Effect<never, ConnectionLost>
}

/** RFC 4254, 5.1: "administratively prohibited". */
const isProhibited = (cause: unknown): boolean => cause instanceof Error && "reason" in cause && cause.reason === 1

/** Connects to a Unix socket on the server. */
export const dial = (
  { client, lost, server }: Connection,
  path: string
): Effect.Effect<RemoteSocket, SocketRefused | ConnectionLost> =>
  Effect.callback<RemoteSocket, SocketRefused>((resume) => {
    let abandoned = false
    const refuse = (cause: unknown) =>
      resume(Effect.fail(new SocketRefused({ server, path, isForbidden: isProhibited(cause) })))
    try {
      client.openssh_forwardOutStreamLocal(path, (error, channel) => {
        if (error) return refuse(error)
        if (abandoned) return void channel.close()
        // Its reader sees the end of the stream. An error without a listener would crash the process.
        channel.on("error", () => {})
        resume(Effect.succeed({ stream: channel, lost: Deferred.await(lost) }))
      })
    } catch (cause) {
      refuse(cause)
    }
    return Effect.sync(() => (abandoned = true))
  }).pipe(Effect.raceFirst(Deferred.await(lost)))

import { Context, type Effect, type Scope, type Stream } from "effect"
import type { Server } from "../config/Project.ts"
import type { ConnectionLost, ForwardRefused, SshError } from "./SshError.ts"

/** A command on a server. stdout and stderr must both be read, or the command blocks: the channel has back-pressure. */
export interface RemoteProcess {
  readonly stdout: Stream.Stream<Uint8Array, ConnectionLost>
  readonly stderr: Stream.Stream<Uint8Array, ConnectionLost>
  /** Writes to the command's stdin. */
  write(bytes: Uint8Array): Effect.Effect<void, ConnectionLost>
  /** Ends the command's stdin. */
  readonly end: Effect.Effect<void>
  /** Its exit code; 128 and the signal's number where a signal ended it. */
  readonly exitCode: Effect.Effect<number, ConnectionLost>
}

/** A port that is open on a server's 127.0.0.1 and leads to a port on this machine's 127.0.0.1. */
export interface Forward {
  /** The port on the server. */
  readonly port: number
  /** Never succeeds; fails when the forward is no longer there, so that work that needs it can race against it. */
  readonly lost: Effect.Effect<never, ConnectionLost>
}

/** One connection a server, opened on first use and shared until the layer's scope closes. */
export class Ssh extends Context.Service<
  Ssh,
  {
    /** Opens the connection, or waits for the one that is being opened. */
    connect(server: Server): Effect.Effect<void, SshError>
    /** Starts a command line in the server's login shell; it is ended with the scope. */
    exec(server: Server, line: string): Effect.Effect<RemoteProcess, SshError, Scope.Scope>
    /**
     * Forwards a port of the server's loopback to `localPort` of this machine's until the scope closes. Takes `port`,
     * or a free one where that is taken.
     */
    forward(
      server: Server,
      options: { readonly port: number; readonly localPort: number }
    ): Effect.Effect<Forward, SshError | ForwardRefused, Scope.Scope>
  }
>()("jiji/layers/Ssh") {}

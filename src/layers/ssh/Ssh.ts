import { Context, Deferred, Effect, FileSystem, Layer, type Scope, Semaphore, type Stream } from "effect"
import type { Server } from "../../config/Project.ts"
import { Events } from "../../core/Events.ts"
import { Secrets } from "../secrets/Secrets.ts"
import * as ClientConfig from "./ClientConfig.ts"
import { type Connection, connect } from "./Connection.ts"
import * as HostKeys from "./HostKeys.ts"
import * as Identities from "./Identities.ts"
import * as PrivateKey from "./PrivateKey.ts"
import * as RemoteExec from "./RemoteExec.ts"
import * as ReverseForward from "./ReverseForward.ts"
import { type Hop, route } from "./Route.ts"
import { SshSettings } from "./Settings.ts"
import * as Shared from "./ConnectionCache.ts"
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
  /** Bytes that went to the server so far. */
  readonly carried: Effect.Effect<number>
}

/** Where a forward leads on this machine: a port of its loopback, or the path of a socket. */
export type LocalEnd = number | string

/** One connection a server, opened on first use and shared until the layer's scope closes. */
export class Ssh extends Context.Service<
  Ssh,
  {
    /** Opens the connection, or waits for the one that is being opened. `isNew`: its host key was recorded just now. */
    connect(server: Server): Effect.Effect<{ readonly isNew: boolean }, SshError>
    /** Starts a command line in the server's login shell; it is ended with the scope. */
    exec(server: Server, line: string): Effect.Effect<RemoteProcess, SshError, Scope.Scope>
    /**
     * Forwards a port of the server's loopback to this machine until the scope closes. Takes `port`, or a free one
     * where that is taken.
     */
    forward(
      server: Server,
      options: { readonly port: number; readonly to: LocalEnd }
    ): Effect.Effect<Forward, SshError | ForwardRefused, Scope.Scope>
  }
>()("jiji/layers/ssh/Ssh") {
  /** Over real connections. {@link SshSettings} holds its bounds. */
  static readonly layer: Layer.Layer<Ssh, never, FileSystem.FileSystem | Events | Secrets> = Layer.effect(
    Ssh,
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const events = yield* Events
      const secrets = yield* Secrets
      const settings = yield* SshSettings
      const scope = yield* Effect.scope
      const hostKeys = yield* HostKeys.make
      const reader = yield* PrivateKey.make
      const connections = yield* Shared.make<Connection, SshError>()
      const starting = yield* Semaphore.make(settings.starts)
      const config = yield* Effect.cached(Effect.provideService(ClientConfig.load, FileSystem.FileSystem, fs))

      const passphrase = Effect.fnUntraced(function* (server: Server) {
        return server.passphrase === undefined ? undefined : yield* secrets.value(server.passphrase)
      })

      const open = Effect.fnUntraced(
        function* (server: Server, hop: Hop, jump: Connection | undefined, key: string) {
          const isTarget = key === server.name
          const opened = yield* connect({
            server,
            hop,
            jump,
            hostKeys,
            starting,
            name: isTarget ? server.name : `jump host ${hop.host}`,
            identities: yield* Identities.gather({
              reader,
              hop,
              jump: !isTarget,
              keys: server.keys,
              passphrase: passphrase(server)
            })
          })
          // A connection that is gone makes way for a new one.
          yield* Deferred.await(opened.lost).pipe(
            Effect.catch(() => connections.drop(key, opened)),
            Effect.forkIn(scope)
          )
          return opened
        },
        Effect.provideService(Events, events)
      )

      const connection = Effect.fnUntraced(
        function* (server: Server) {
          const hops = yield* route(server, yield* config)
          let last: Connection | undefined
          let key = ""
          for (const [index, hop] of hops.entries()) {
            // Servers with the same way in share the connections to their jump hosts.
            const { hostKeys, keys, knownHosts } = server
            const own = JSON.stringify([hop.user, hop.host, hop.port, keys, knownHosts, hostKeys])
            key = index === hops.length - 1 ? server.name : `${key}${own}`
            last = yield* connections.get(key, open(server, hop, last, key))
          }
          return last ?? (yield* Effect.die(new Error("a route ends at its server")))
        },
        Effect.provideService(SshSettings, settings)
      )

      return Ssh.of({
        connect: (server) => Effect.map(connection(server), ({ isNew }) => ({ isNew })),
        exec: Effect.fnUntraced(function* (server, line) {
          return yield* RemoteExec.exec(yield* connection(server), line, settings.grace)
        }),
        forward: Effect.fnUntraced(
          function* (server, options) {
            return yield* ReverseForward.forward(yield* connection(server), options)
          },
          Effect.provideService(Events, events)
        )
      })
    })
  )
}

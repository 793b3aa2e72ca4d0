import { Context, type Duration, Deferred, Effect, FileSystem, Layer, type Scope, Semaphore, type Stream } from "effect"
import type { Server } from "../../config/Project.ts"
import { CurrentCapacity } from "../../core/capacity.ts"
import { Events } from "../../core/Events.ts"
import { Secrets } from "../secrets/Secrets.ts"
import * as ConfigFiles from "./config/ConfigFiles.ts"
import { type Connection, connect } from "./Connection.ts"
import * as HostKeys from "./HostKeys.ts"
import * as Identities from "./Identities.ts"
import * as PrivateKey from "./PrivateKey.ts"
import * as RemoteExec from "./RemoteExec.ts"
import * as ReverseForward from "./ReverseForward.ts"
import { type Hop, route } from "./Route.ts"
import { SshSettings } from "./Settings.ts"
import * as ConnectionCache from "./ConnectionCache.ts"
import * as AgentForward from "./AgentForward.ts"
import * as SocketForward from "./SocketForward.ts"
import type { ConnectionLost, ForwardRefused, SshError } from "./SshError.ts"

/** A running command on a server. Read both stdout and stderr, or the command blocks: they have back-pressure. */
export interface RemoteProcess {
  readonly stdout: Stream.Stream<Uint8Array, ConnectionLost>
  readonly stderr: Stream.Stream<Uint8Array, ConnectionLost>
  /** Writes to the command's stdin. */
  write(bytes: Uint8Array): Effect.Effect<void, ConnectionLost>
  /** Closes the command's stdin. */
  readonly end: Effect.Effect<void>
  /** The exit code; 128 + the signal's number if a signal killed the command; 255 if the server does not report one. */
  readonly exitCode: Effect.Effect<number, ConnectionLost>
}

/** The size of a terminal, in characters. */
export interface TerminalSize {
  readonly columns: number
  readonly rows: number
}

/** A running command in a terminal on a server. All its output is stdout. */
export interface RemoteTerminal extends RemoteProcess {
  /** Tells the command that its terminal has another size now. */
  resize(size: TerminalSize): Effect.Effect<void>
}

/** How to stop a command that takes time to clean up. */
export interface Stopping {
  /** How long to wait for the command to exit. */
  readonly timeout: Duration.Input
  /** Runs before the wait, unless the command has already exited or the connection is lost. */
  readonly onStart: Effect.Effect<void>
  /** Runs after the wait, unless the command exited before it. `exited` is false if the time was up or the connection was lost. */
  readonly onEnd: (exited: boolean) => Effect.Effect<void>
}

/** How a command runs. */
export interface ExecOptions {
  /** How the command stops when its scope closes. */
  readonly stopping?: Stopping | undefined
  /** Whether to end the command if the server has a session for nothing else (`MaxSessions 1` in its sshd_config). */
  readonly givesWay?: boolean | undefined
}

/** An open port on a server's 127.0.0.1 that leads to a port or socket on this machine. */
export interface Forward {
  /** The port on the server. */
  readonly port: number
  /** Never succeeds. Fails when the connection is lost; race work that depends on the forward against it. */
  readonly lost: Effect.Effect<never, ConnectionLost>
  /** Bytes sent to the server so far. */
  readonly carried: Effect.Effect<number>
  /** The same for one repository of the registry that the forward leads to. Absent if it counts only the sum. */
  readonly carriedOf?: (repository: string) => Effect.Effect<number>
}

/** The local destination of a forward: a port on 127.0.0.1, or the path of a socket. */
export type LocalEnd = number | string

/**
 * SSH connections to servers, one per server. A connection opens on first use and is shared until the layer's scope
 * closes; after it is lost, the next use opens a new one. Errors: {@link SshError}.
 */
export class Ssh extends Context.Service<
  Ssh,
  {
    /**
     * Connects to a server, unless already connected. `isNew` is true if this added the host key to known_hosts;
     * `recordedIn` is the file.
     */
    connect(server: Server): Effect.Effect<{ readonly isNew: boolean; readonly recordedIn?: string }, SshError>
    /** Starts a command line in the user's login shell on the server. Closing the scope stops it. */
    exec(server: Server, line: string, options?: ExecOptions): Effect.Effect<RemoteProcess, SshError, Scope.Scope>
    /**
     * Starts a command line in a terminal (a pseudo-terminal of the server). Closing the scope closes the terminal: the
     * command gets SIGHUP. `term` is the value of TERM. Fails with `TerminalRefused` if the server allows none.
     */
    openTerminal(
      server: Server,
      line: string,
      options: TerminalSize & { readonly term: string }
    ): Effect.Effect<RemoteTerminal, SshError, Scope.Scope>
    /**
     * Forwards a port of the server's 127.0.0.1 to this machine until the scope closes. Uses `port`, or a free port if
     * the server refuses that one. Fails with `ForwardRefused` if the server refuses both.
     */
    forward(
      server: Server,
      options: { readonly port: number; readonly to: LocalEnd }
    ): Effect.Effect<Forward, SshError | ForwardRefused, Scope.Scope>
    /**
     * Lets programs on the server use the SSH agent of this machine through a socket at `path` there, until the scope closes.
     */
    forwardAgent(
      server: Server,
      path: string
    ): Effect.Effect<void, SshError | AgentForward.AgentNotForwarded, Scope.Scope>
    /**
     * Connects to a Unix socket on the server, with the rights of the user there. The caller closes the stream. Fails with
     * `SocketRefused` if the server refuses.
     */
    dial(
      server: Server,
      path: string
    ): Effect.Effect<SocketForward.RemoteSocket, SshError | SocketForward.SocketRefused>
  }
>()("jiji/layers/ssh/Ssh") {
  /** Real connections. {@link SshSettings} has the limits. */
  static readonly layer: Layer.Layer<Ssh, never, FileSystem.FileSystem | Events | Secrets> = Layer.effect(
    Ssh,
    Effect.gen(function* () {
      const events = yield* Events
      const secrets = yield* Secrets
      const settings = yield* SshSettings
      const scope = yield* Effect.scope
      const hostKeys = yield* HostKeys.make
      const reader = yield* PrivateKey.make
      const connections = yield* ConnectionCache.make<Connection, SshError>()
      const handshakes = yield* Semaphore.make(settings.maxHandshakes ?? (yield* CurrentCapacity).handshakes)
      const fs = yield* FileSystem.FileSystem
      const files = yield* ConfigFiles.make(settings)

      const passphrase = Effect.fnUntraced(function* (server: Server) {
        return server.passphrase === undefined ? undefined : yield* secrets.value(server.passphrase)
      })

      const open = Effect.fnUntraced(
        function* (server: Server, hop: Hop, jump: Connection | undefined, key: string) {
          const isTarget = key === server.name
          const opened = yield* connect({
            hop,
            jump,
            hostKeys,
            handshakes,
            name: isTarget ? server.name : `jump host ${hop.host}`,
            identities: yield* Identities.load({
              reader,
              hop,
              jump: !isTarget,
              keys: server.keys,
              passphrase: passphrase(server)
            })
          })
          // Remove a lost connection from the cache, so that the next use opens a new one.
          yield* Deferred.await(opened.lost).pipe(
            Effect.catch(() => connections.release(key, opened)),
            Effect.forkIn(scope)
          )
          return opened
        },
        Effect.provideService(Events, events)
      )

      const connection = Effect.fnUntraced(
        function* (server: Server) {
          const hops = yield* route(server, files)
          let last: Connection | undefined
          let key = ""
          for (const [index, hop] of hops.entries()) {
            // Servers behind the same jump hosts, with the same keys and policy, share the connections to them.
            const { hostKeys, knownHosts } = hop
            const own = JSON.stringify([hop.user, hop.host, hop.port, server.keys, knownHosts, hostKeys, hop.config])
            key = index === hops.length - 1 ? server.name : `${key}${own}`
            last = yield* connections.get(key, open(server, hop, last, key), last)
          }
          return last ?? (yield* Effect.die(new Error("a route ends at its server")))
        },
        Effect.provideService(SshSettings, settings)
      )

      return Ssh.of({
        connect: (server) =>
          Effect.map(connection(server), ({ recordedIn }) =>
            recordedIn === undefined ? { isNew: false } : { isNew: true, recordedIn }
          ),
        exec: Effect.fnUntraced(function* (server, line, { givesWay = false, stopping } = {}) {
          const { stopTimeout: timeout } = settings
          const how = stopping ?? { timeout, onStart: Effect.void, onEnd: () => Effect.void }
          const opened = yield* connection(server)
          return yield* RemoteExec.exec(opened, line, how, givesWay)
        }),
        openTerminal: (server, line, options) =>
          Effect.flatMap(connection(server), (opened) => RemoteExec.openTerminal(opened, line, options)),
        forward: Effect.fnUntraced(
          function* (server, options) {
            return yield* ReverseForward.forward(yield* connection(server), options)
          },
          Effect.provideService(Events, events)
        ),
        forwardAgent: Effect.fnUntraced(
          function* (server, path) {
            yield* AgentForward.forward(yield* connection(server), path)
          },
          Effect.provideService(SshSettings, settings),
          Effect.provideService(FileSystem.FileSystem, fs),
          Effect.provideService(Events, events)
        ),
        dial: (server, path) => Effect.flatMap(connection(server), (opened) => SocketForward.dial(opened, path))
      })
    })
  )
}

import { Deferred, Effect, Exit, Schedule, Scope, Semaphore } from "effect"
import type { Duplex } from "node:stream"
import type { Client } from "ssh2"
import type { Server } from "../../config/Project.ts"
import * as Resource from "../../core/Resource.ts"
import { ConnectionLost, HostUnreachable, type SshError } from "./SshError.ts"
import { handshake, type Peer, refusal } from "./Handshake.ts"
import type { HostKeys } from "./HostKeys.ts"
import type { Identities } from "./Identities.ts"
import { listen, type Listeners } from "./Listeners.ts"
import type { Hop } from "./Route.ts"
import { SshSettings } from "./Settings.ts"
import { dial, through } from "./Transport.ts"

/** An open connection to a server or to a jump host. */
export interface Connection {
  readonly server: string
  readonly client: Client
  /** Whether its host key was recorded just now. */
  readonly isNew: boolean
  /** Fails once the connection is gone. */
  readonly lost: Deferred.Deferred<never, ConnectionLost>
  /** Holds back commands beyond what the server takes at once. */
  readonly sessions: Semaphore.Semaphore
  /** One entry for each command that takes a session of the server's, or asks for one. */
  readonly running: Set<object>
  /** What becomes of connections that the server forwards to this machine, by the server's port. */
  readonly listeners: Listeners
}

/** sshd drops connections at random while too many are on their way in (MaxStartups). */
const patience = Schedule.exponential("200 millis", 1.6).pipe(Schedule.jittered, Schedule.upTo({ times: 6 }))

const isReset = (error: SshError): boolean => error._tag === "HostUnreachable" && error.reason === "reset"

/** Closes a connection in order, if the server still takes part in that. */
const close = ({ client, lost }: Connection): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (Deferred.isDoneUnsafe(lost)) return resume(Effect.void)
    client.once("close", () => resume(Effect.void))
    client.end()
  }).pipe(Effect.timeoutOption("1 second"), Effect.asVoid)

/**
 * Opens a connection to one hop of a route for the life of the scope: directly, or through the connection to the hop
 * before it. What `starting` holds permits of bounds how many handshakes run at once.
 */
export const connect = Effect.fnUntraced(function* (options: {
  readonly server: Server
  readonly hop: Hop
  readonly jump: Connection | undefined
  readonly identities: Identities
  readonly hostKeys: HostKeys
  readonly starting: Semaphore.Semaphore
  /** How the connection is called in errors and events. */
  readonly name: string
}) {
  const { hop, hostKeys, identities, jump, name, server } = options
  const settings = yield* SshSettings
  const scope = yield* Effect.scope
  const where = { server: name, host: hop.host, port: hop.port }

  const attempt = Effect.gen(function* () {
    const record = yield* hostKeys.read(server.knownHosts, hop.host, hop.port)
    const peer: Peer = { server: name, hop, knownHosts: server.knownHosts, policy: server.hostKeys, record, identities }
    const transport: Duplex = yield* jump === undefined ? dial(name, hop) : through(name, jump.client, hop)
    const { client, hostKey, isNew } = yield* handshake(peer, transport)
    const lost = Deferred.makeUnsafe<never, ConnectionLost>()
    let cause: unknown
    client.on("error", (error) => (cause = error))
    client.once("close", () => {
      const error = new ConnectionLost({ server: name, ...(cause === undefined ? {} : { cause }) })
      Deferred.doneUnsafe(lost, Effect.fail(error))
    })
    if (isNew) {
      const verdict = yield* hostKeys.remember(server.knownHosts, hop.host, hop.port, hostKey)
      const refused = verdict._tag === "Unknown" ? undefined : refusal(peer, hostKey, verdict)
      if (refused !== undefined) return yield* refused
    }
    const sessions = yield* Semaphore.make(settings.sessions)
    return {
      server: name,
      client,
      isNew,
      lost,
      sessions,
      running: new Set(),
      listeners: listen(client, transport)
    } satisfies Connection
  })

  // What a failed attempt has opened is closed before the next one.
  const isolated = Effect.gen(function* () {
    const own = yield* Scope.fork(scope)
    return yield* attempt.pipe(
      Scope.provide(own),
      Effect.timeoutOrElse({
        duration: server.connectTimeout,
        orElse: () => Effect.fail(new HostUnreachable({ ...where, reason: "timeout" }))
      }),
      Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(own, exit) : Effect.void))
    )
  }).pipe(options.starting.withPermit, Effect.retry({ schedule: patience, while: isReset }))

  return yield* Resource.acquire(`connection to ${name}`, isolated, close)
})

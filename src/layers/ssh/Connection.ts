import { Deferred, Effect, Exit, Option, Schedule, Scope, Semaphore } from "effect"
import type { Duplex } from "node:stream"
import type { Client } from "ssh2"
import { collectAfter } from "../../core/collectGarbage.ts"
import * as Resource from "../../core/Resource.ts"
import { ConnectionLost, HostUnreachable, type SshError } from "./SshError.ts"
import { handshake, type HandshakeOptions, hostKeyError } from "./Handshake.ts"
import type { HostKeys } from "./HostKeys.ts"
import type { Identities } from "./Identities.ts"
import { acceptForwarded, type Listeners } from "./Listeners.ts"
import { dialByCommand } from "./ProxyCommand.ts"
import type { Hop } from "./Route.ts"
import { SshSettings } from "./Settings.ts"
import { dial, dialThroughJump } from "./Transport.ts"

/** An open connection to a server or to a jump host. */
export interface Connection {
  readonly server: string
  readonly client: Client
  /** The file to which this connection added the host key. */
  readonly recordedIn: string | undefined
  /** Fails when the connection closes. */
  readonly lost: Deferred.Deferred<never, ConnectionLost>
  /** Limits how many commands run at once. */
  readonly sessions: Semaphore.Semaphore
  /** One entry for each command that has a session on the server or is requesting one. */
  readonly running: Set<object>
  /** Ends a command that gives way, for each of those in {@link running}. */
  readonly givingWay: Set<() => void>
  /** Environment variables for the commands. */
  readonly env: Readonly<Record<string, string>>
  /** Whether the server has started a command on this connection. */
  hasStarted: boolean
  /** Handles the connections that the server forwards to this machine, by the server's port. */
  readonly listeners: Listeners
}

/** About how many bytes of garbage a handshake leaves. With many servers, it would be most of the memory in use. */
const garbagePerHandshake = 400 * 1024

/** sshd randomly drops new connections while too many are unauthenticated (MaxStartups). */
const retrySchedule = Schedule.exponential("200 millis", 1.6).pipe(Schedule.jittered, Schedule.upTo({ times: 6 }))

const isReset = (error: SshError): boolean => error._tag === "HostUnreachable" && error.reason === "reset"

/** Whether no TCP connection could be opened. */
const isUnconnected = (error: SshError): boolean =>
  error._tag === "HostUnreachable" && ["refused", "timeout", "unroutable"].includes(error.reason)

/** Closes a connection cleanly, unless it is already lost or the server does not respond within a second. */
const close = ({ client, lost }: Connection): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (Deferred.isDoneUnsafe(lost)) return resume(Effect.void)
    client.once("close", () => resume(Effect.void))
    client.end()
  }).pipe(Effect.timeoutOption("1 second"), Effect.asVoid)

/**
 * Connects to one hop of a route, directly or through the connection to the previous hop. Closes the connection with
 * the scope.
 */
export const connect = Effect.fnUntraced(function* (options: {
  readonly hop: Hop
  readonly jump: Connection | undefined
  readonly identities: Identities
  readonly hostKeys: HostKeys
  /** Limits how many handshakes run at once. */
  readonly handshakes: Semaphore.Semaphore
  /** The connection's name in errors and events. */
  readonly name: string
}) {
  const { hop, hostKeys, identities, jump, name } = options
  const settings = yield* SshSettings
  const scope = yield* Effect.scope
  const endpoint = { server: name, host: hop.host, port: hop.port }

  /** The transport, and what a failed handshake over it really means. */
  const open = Effect.gen(function* () {
    const { proxy } = hop.config
    if (jump === undefined && proxy !== undefined && "command" in proxy) {
      const { ended, stream } = yield* dialByCommand(name, hop, proxy.command)
      // A program that ends closes its output first, which looks like a reset.
      const explain = (error: SshError) =>
        isReset(error)
          ? Effect.flatMap(
              Effect.timeoutOption(ended, "1 second"),
              Option.match({ onNone: () => Effect.fail(error), onSome: Effect.fail })
            )
          : Effect.fail(error)
      return { stream, explain }
    }
    const stream: Duplex = yield* jump === undefined ? dial(name, hop) : dialThroughJump(name, jump.client, hop)
    return { stream, explain: (error: SshError) => Effect.fail(error) }
  })

  const attempt = Effect.gen(function* () {
    const knownHost = yield* hostKeys.read(hop.knownHosts)
    const handshakeOptions: HandshakeOptions = {
      server: name,
      hop,
      knownHost,
      identities
    }
    const { explain, stream: transport } = yield* open
    const { client, hostKey, isNew } = yield* handshake(handshakeOptions, transport).pipe(Effect.catch(explain))
    collectAfter(garbagePerHandshake)
    const lost = Deferred.makeUnsafe<never, ConnectionLost>()
    let cause: unknown
    client.on("error", (error) => (cause = error))
    client.once("close", () => {
      const error = new ConnectionLost({ server: name, ...(cause === undefined ? {} : { cause }) })
      Deferred.doneUnsafe(lost, Effect.fail(error))
    })
    if (isNew) {
      const status = yield* hostKeys.addIfUnknown(hop.knownHosts, hostKey)
      const refused = status._tag === "Unknown" ? undefined : hostKeyError(handshakeOptions, hostKey, status)
      if (refused !== undefined) return yield* refused
    }
    const sessions = yield* Semaphore.make(settings.maxSessions)
    return {
      server: name,
      client,
      recordedIn: isNew ? hop.knownHosts.record : undefined,
      lost,
      sessions,
      running: new Set(),
      givingWay: new Set(),
      env: hop.config.env,
      hasStarted: false,
      listeners: acceptForwarded(client, transport)
    } satisfies Connection
  })

  // Each attempt has its own scope, so a failed one closes what it opened before the next one starts.
  const scopedAttempt = Effect.gen(function* () {
    const own = yield* Scope.fork(scope)
    return yield* attempt.pipe(
      Scope.provide(own),
      Effect.timeoutOrElse({
        duration: hop.connectTimeout,
        orElse: () => Effect.fail(new HostUnreachable({ ...endpoint, reason: "timeout" }))
      }),
      Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(own, exit) : Effect.void))
    )
  }).pipe(options.handshakes.withPermit, Effect.retry({ schedule: retrySchedule, while: isReset }))

  // As in OpenSSH: only for a direct connection, with a second in between.
  const isDirect = jump === undefined && hop.config.proxy === undefined
  const retries = isDirect ? hop.config.connectionAttempts - 1 : 0
  const attempts = Schedule.spaced("1 second").pipe(Schedule.upTo({ times: retries }))
  const patientAttempt = scopedAttempt.pipe(Effect.retry({ schedule: attempts, while: isUnconnected }))

  return yield* Resource.acquire(`connection to ${name}`, patientAttempt, close)
})

import { Duration, Effect } from "effect"
import type { Duplex } from "node:stream"
import { type AnyAuthMethod, Client, type ConnectConfig } from "ssh2"
import {
  AuthenticationFailed,
  HostKeyChanged,
  HostKeyRevoked,
  HostKeyUnknown,
  HostUnreachable,
  type SshError
} from "./SshError.ts"
import type { HostKeys } from "../../config/Project.ts"
import type { Identities } from "./Identities.ts"
import { fingerprint, type HostRecord, type Verdict } from "./KnownHosts.ts"
import type { Hop } from "./Route.ts"
import { SshSettings } from "./Settings.ts"
import { reasonOf } from "./Transport.ts"

/** An authenticated connection, and the host key that it was made with. */
export interface Authenticated {
  readonly client: Client
  readonly hostKey: Buffer
  /** Whether known_hosts did not have the key. */
  readonly isNew: boolean
}

/** Whom a handshake is with, and what it is judged by. */
export interface Peer {
  readonly server: string
  readonly hop: Hop
  readonly knownHosts: string
  readonly policy: HostKeys
  readonly record: HostRecord
  readonly identities: Identities
}

const levelOf = (error: unknown): unknown => (error instanceof Error && "level" in error ? error.level : undefined)

/** The error that a verdict on a host key means, if it means one. */
export const refusal = (peer: Peer, key: Buffer, verdict: Verdict): SshError | undefined => {
  const { hop, server, knownHosts: file } = peer
  const where = { server, host: hop.host, port: hop.port, offered: fingerprint(key), file }
  switch (verdict._tag) {
    case "Known":
      return undefined
    case "Unknown":
      return peer.policy === "strict" ? new HostKeyUnknown(where) : undefined
    case "Revoked":
      return new HostKeyRevoked({ ...where, line: verdict.known.line })
    case "Changed":
      return new HostKeyChanged({
        ...where,
        known: fingerprint(Buffer.from(verdict.known.key, "base64")),
        line: verdict.known.line
      })
  }
}

/** Speaks SSH over a transport until the server has shown its host key and let the user in. */
export const handshake = Effect.fnUntraced(function* (peer: Peer, transport: Duplex) {
  const { keepAlive } = yield* SshSettings
  const { hop, server } = peer
  const where = { server, host: hop.host, port: hop.port }

  return yield* Effect.callback<Authenticated, SshError>((resume) => {
    const client = new Client()
    const tried: Array<string> = []
    let refused: SshError | undefined
    let hostKey: Buffer = Buffer.alloc(0)
    let isNew = false
    let isSecure = false
    let methods: ReadonlyArray<string> = []
    let attempts = peer.identities.usable
    let last: unknown

    const failure = (cause: unknown): SshError => {
      if (refused !== undefined) return refused
      const detail = cause === undefined ? {} : { cause }
      // After the keys were exchanged, a server that says goodbye does so because of who knocks.
      const isGoodbye = cause instanceof Error && "code" in cause && typeof cause.code === "number"
      if (levelOf(cause) === "client-authentication" || (isSecure && isGoodbye)) {
        const exhausted = levelOf(cause) === "client-authentication"
        const { skipped } = peer.identities
        return new AuthenticationFailed({
          ...where,
          user: hop.user,
          tried,
          skipped,
          methods,
          ...(exhausted ? {} : detail)
        })
      }
      if (levelOf(cause) === "handshake") return new HostUnreachable({ ...where, reason: "protocol", ...detail })
      return new HostUnreachable({ ...where, reason: reasonOf(cause) ?? "reset", ...detail })
    }
    client.on("error", (error) => {
      last = error
      // These are about one key only; the next one follows.
      if (levelOf(error) === "agent" || (levelOf(error) === "client-authentication" && attempts.length > 0)) return
      resume(Effect.fail(failure(error)))
    })
    client.on("close", () => resume(Effect.fail(failure(last))))
    client.on("handshake", () => (isSecure = true))
    client.on("ready", () => resume(Effect.succeed({ client, hostKey, isNew })))

    const config: ConnectConfig = {
      // The library asks for a Readable, and writes to it as well.
      sock: transport,
      username: hop.user,
      // The time limit is kept by the caller.
      readyTimeout: 0,
      keepaliveInterval: Duration.toMillis(keepAlive.interval),
      keepaliveCountMax: keepAlive.count,
      algorithms: {
        serverHostKey: [...peer.record.algorithms],
        // Without SHA-1, which the library still offers.
        hmac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
        compress: ["none"]
      },
      hostVerifier: (key: Buffer) => {
        const verdict = peer.record.judge(key)
        hostKey = key
        isNew = verdict._tag === "Unknown"
        refused = refusal(peer, key, verdict)
        return refused === undefined
      },
      authHandler: (left, _partial, next) => {
        // Null before the first attempt, whatever the types say.
        methods = left ?? methods
        const [identity, ...others] = attempts
        attempts = others
        // The types do not know that false ends the attempts.
        if (identity === undefined) return next(false as unknown as AnyAuthMethod)
        tried.push(identity.label)
        next({ username: hop.user, ...identity.method })
      }
    }
    try {
      client.connect(config)
    } catch (cause) {
      resume(Effect.fail(new HostUnreachable({ ...where, reason: "protocol", cause })))
    }
    return Effect.sync(() => client.destroy())
  })
})

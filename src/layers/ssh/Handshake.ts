import { Duration, Effect } from "effect"
import type { Duplex } from "node:stream"
import { type AnyAuthMethod, Client, type ConnectConfig } from "ssh2"
import {
  type AlgorithmKind,
  AuthenticationFailed,
  HostCertificateUnsupported,
  HostKeyChanged,
  HostKeyRevoked,
  HostKeyUnknown,
  HostUnreachable,
  NoCommonAlgorithm,
  type SshError
} from "./SshError.ts"
import type { Identities } from "./Identities.ts"
import { fingerprint, type HostKeyStatus, keyType, type KnownHost, rsaBits } from "./KnownHosts.ts"
import type { Hop } from "./Route.ts"
import { SshSettings } from "./Settings.ts"
import { unreachableReason } from "./Transport.ts"

/** An authenticated connection and the server's host key. */
export interface Authenticated {
  readonly client: Client
  readonly hostKey: Buffer
  /** Whether the host key is not yet in known_hosts. */
  readonly isNew: boolean
}

/** The server to connect to, the host keys to accept, and the identities to offer. */
export interface HandshakeOptions {
  readonly server: string
  readonly hop: Hop
  readonly knownHost: KnownHost
  readonly identities: Identities
}

const levelOf = (error: unknown): unknown => (error instanceof Error && "level" in error ? error.level : undefined)

/** The error for a host key with this status, or undefined if the key is acceptable. */
export const hostKeyError = (options: HandshakeOptions, key: Buffer, status: HostKeyStatus): SshError | undefined => {
  const { hop, server } = options
  const { alias, files, record } = hop.knownHosts
  const endpoint = {
    server,
    host: hop.host,
    port: hop.port,
    offered: fingerprint(key),
    file: record ?? files[0] ?? "known_hosts",
    ...(alias === undefined ? {} : { alias })
  }
  switch (status._tag) {
    case "Known":
      return undefined
    case "Unknown":
      return hop.hostKeys === "strict" ? new HostKeyUnknown(endpoint) : undefined
    case "Revoked":
      return new HostKeyRevoked({ ...endpoint, file: status.known.file, line: status.known.line })
    case "Certificate":
      // Not in the authority's file, which may be the system's.
      return new HostCertificateUnsupported({ ...endpoint, authority: `${status.known.file}:${status.known.line}` })
    case "Changed":
      return new HostKeyChanged({
        ...endpoint,
        known: fingerprint(Buffer.from(status.known.key, "base64")),
        file: status.known.file,
        line: status.known.line
      })
  }
}

const kinds: ReadonlyArray<{ readonly kind: AlgorithmKind; readonly library: string }> = [
  { kind: "key exchange", library: "key exchange algorithm" },
  { kind: "host key", library: "host key format" },
  { kind: "cipher", library: "cipher" },
  { kind: "MAC", library: "MAC" }
]

/** The server's lists of algorithms, from the library's debug messages. */
const offeredLists = () => {
  const lists = new Map<AlgorithmKind, ReadonlyArray<string>>()
  const listen = (message: string): void => {
    const [, name, list] =
      /^Handshake: \(remote\) (KEX method|Host key format|C->S cipher|C->S MAC): (.*)$/.exec(message) ?? []
    const kind = {
      "KEX method": "key exchange",
      "Host key format": "host key",
      "C->S cipher": "cipher",
      "C->S MAC": "MAC"
    }[name ?? ""]
    const found = kinds.find((each) => each.kind === kind)
    // Not algorithms, but flags in the list of key exchanges.
    if (found !== undefined && list !== undefined)
      lists.set(
        found.kind,
        list.split(",").filter((each) => !/^(ext-info-|kex-strict-)/.test(each))
      )
  }
  return { lists, listen }
}

/** Runs the SSH handshake over a transport: checks the host key and authenticates the user. */
export const handshake = Effect.fnUntraced(function* (options: HandshakeOptions, transport: Duplex) {
  const { keepAlive } = yield* SshSettings
  const { hop, server } = options
  const { config } = hop
  const endpoint = { server, host: hop.host, port: hop.port }

  return yield* Effect.callback<Authenticated, SshError>((resume) => {
    const client = new Client()
    const tried: Array<string> = []
    let rejectedKey: SshError | undefined
    let hostKey: Buffer = Buffer.alloc(0)
    let isNew = false
    let isSecure = false
    let methods: ReadonlyArray<string> = []
    let attempts = options.identities.usable
    let lastError: unknown
    const offered = offeredLists()

    const failure = (cause: unknown): SshError => {
      if (rejectedKey !== undefined) return rejectedKey
      const detail = cause === undefined ? {} : { cause }
      // A server that sends a disconnect message after the key exchange is rejecting the user.
      const isDisconnect = cause instanceof Error && "code" in cause && typeof cause.code === "number"
      if (levelOf(cause) === "client-authentication" || (isSecure && isDisconnect)) {
        const exhausted = levelOf(cause) === "client-authentication"
        const { skipped } = options.identities
        return new AuthenticationFailed({
          ...endpoint,
          user: hop.user,
          tried,
          skipped,
          methods,
          ...(exhausted ? {} : detail)
        })
      }
      const mismatch = cause instanceof Error ? /no matching (.*)$/.exec(cause.message)?.[1] : undefined
      const kind = kinds.find(({ library }) => mismatch?.endsWith(library))?.kind
      if (kind !== undefined) {
        return new NoCommonAlgorithm({
          ...endpoint,
          kind,
          offered: offered.lists.get(kind) ?? [],
          supported: own[kind]
        })
      }
      if (levelOf(cause) === "handshake") return new HostUnreachable({ ...endpoint, reason: "protocol", ...detail })
      return new HostUnreachable({ ...endpoint, reason: unreachableReason(cause) ?? "reset", ...detail })
    }
    client.on("error", (error) => {
      lastError = error
      // These errors concern a single key; the next key may still work.
      if (levelOf(error) === "agent" || (levelOf(error) === "client-authentication" && attempts.length > 0)) return
      resume(Effect.fail(failure(error)))
    })
    client.on("close", () => resume(Effect.fail(failure(lastError))))
    client.on("handshake", () => (isSecure = true))
    client.on("ready", () => resume(Effect.succeed({ client, hostKey, isNew })))

    const hostKeyAlgorithms = config.prefersKnownTypes
      ? options.knownHost.algorithms.filter((name) => config.hostKeyAlgorithms.includes(name))
      : config.hostKeyAlgorithms
    const own = {
      "key exchange": config.keyExchanges,
      "host key": hostKeyAlgorithms,
      cipher: config.ciphers,
      MAC: config.macs
    }
    const isTooShort = (key: Buffer) => keyType(key) === "ssh-rsa" && rsaBits(key) < config.minimumRsaBits
    const connectConfig: ConnectConfig = {
      debug: offered.listen,
      // The library's type says Readable, but it also writes to the stream.
      sock: transport,
      username: hop.user,
      // The caller has its own timeout.
      readyTimeout: 0,
      keepaliveInterval: Duration.toMillis(keepAlive.interval),
      keepaliveCountMax: keepAlive.count,
      algorithms: {
        kex: [...config.keyExchanges],
        cipher: [...config.ciphers],
        serverHostKey: [...hostKeyAlgorithms],
        hmac: [...config.macs],
        compress: ["none"]
      },
      hostVerifier: (key: Buffer) => {
        if (isTooShort(key)) {
          const cause = new Error(`it has ${rsaBits(key)} bits, and ${config.minimumRsaBits} are required`)
          rejectedKey = new HostUnreachable({ ...endpoint, reason: "short-key", cause })
          return false
        }
        const status = options.knownHost.check(key)
        hostKey = key
        isNew = status._tag === "Unknown"
        rejectedKey = hostKeyError(options, key, status)
        return rejectedKey === undefined
      },
      authHandler: (left, _partial, next) => {
        // Null before the first attempt, despite its type.
        methods = left ?? methods
        const [identity, ...others] = attempts
        attempts = others
        // The types lack `false`, which tells the library to stop.
        if (identity === undefined) return next(false as unknown as AnyAuthMethod)
        tried.push(identity.label)
        next({ username: hop.user, ...identity.method })
      }
    }
    try {
      client.connect(connectConfig)
    } catch (cause) {
      resume(Effect.fail(new HostUnreachable({ ...endpoint, reason: "protocol", cause })))
    }
    return Effect.sync(() => client.destroy())
  })
})

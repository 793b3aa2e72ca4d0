import * as Errors from "./RemoteRegistryError.ts"
import { reasonFrom } from "../../core/lines.ts"

/** Parses `retry-after: 5`, and GHCR's `retry-after: 1.2s` and `retry-after: 350.5ms`. Returns seconds. */
const retryAfter = (text: string): { readonly retryAfter?: number } => {
  const [, number, unit = "s"] = /retry[- ]after:?\s*(\d+(?:\.\d+)?)(ns|µs|us|ms|s|m|h)?/i.exec(text) ?? []
  if (number === undefined) return {}
  return { retryAfter: Number(number) * (seconds[unit] ?? 1) }
}
const seconds: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, m: 60, h: 3600 }

/** Matches an HTTP status in all the ways in which docker, podman and their libraries print one. */
const statusPattern = (code: string): string =>
  `(?:status(?: code)?(?: from registry)?:? |HTTP |\\b)${code}(?:\\b(?= \\(?[A-Z])|(?<=(?:status|status code|from registry|HTTP):? ${code})\\b)`

type ErrorFields = Omit<ConstructorParameters<typeof Errors.RegistryLost>[0], "_tag">

/** The known messages of engines about registries, the most specific first. */
const patterns: ReadonlyArray<
  readonly [pattern: RegExp, make: (about: ErrorFields, isOwn: boolean) => Errors.RemoteRegistryError]
> = [
  [
    // Podman unpacks a compressed layer before it has seen all of it, and then fails on the first byte that makes no sense.
    /(?:layer|config|manifest) verification failed for digest|unexpected commit digest|digest mismatch|digest did not match|digest[^\n]*does not match|does not match[^\n]*digest|gzip: invalid (?:checksum|header)|flate: corrupt input|invalid tar header/i,
    (about) => new Errors.DigestMismatch(about)
  ],
  // Docker Hub also says this about a repository that does not exist.
  [/repository does not exist or may require 'docker login'/i, (about) => new Errors.ImageNotFound(about)],
  [
    new RegExp(`toomanyrequests|too many requests|${statusPattern("429")}`, "i"),
    (about) => new Errors.RegistryRateLimited({ ...about, ...retryAfter(about.detail) })
  ],
  [
    new RegExp(`insufficient storage|storage (limit|quota)|quota.{0,20}exceeded|${statusPattern("507")}`, "i"),
    (about) => new Errors.RegistryFull(about)
  ],
  [
    /x509: |certificate (signed by|has expired|is not trusted|is not valid)/i,
    (about) => new Errors.RegistryUntrusted(about)
  ],
  [/server gave HTTP response|does not look like a TLS handshake/i, (about) => new Errors.RegistryWithoutTls(about)],
  // Without a login, this means that a login is required.
  [
    /requested access to the resource is denied/i,
    (about, isOwn) => (isOwn ? new Errors.RegistryRefused({ ...about, isOwn }) : new Errors.RegistryForbidden(about))
  ],
  [
    new RegExp(`permission_denied|installation not allowed|${statusPattern("403")}`, "i"),
    (about) => new Errors.RegistryForbidden(about)
  ],
  [
    new RegExp(
      `unauthorized|unauthenticated|authentication required|no basic auth credentials|invalid username/password|denied: |${statusPattern("401")}`,
      "i"
    ),
    (about, isOwn) => new Errors.RegistryRefused({ ...about, ...(isOwn && { isOwn }) })
  ],
  [
    /(?:manifest|blob) unknown|unknown (?:manifest|blob)|manifest for .* not found|repository .* not found|name unknown|not found: manifest|status code from registry 404/i,
    (about) => new Errors.ImageNotFound(about)
  ],
  [
    new RegExp(`unknown: unknown error|unexpected http status: 5\\d\\d|${statusPattern("5\\d\\d")}`, "i"),
    (about) => new Errors.RegistryFailing(about)
  ],
  [
    /no such host|name or service not known|lookup \S+ on \S+: dial udp/i,
    (about) => new Errors.RegistryNotResolved(about)
  ],
  [
    /i\/o timeout|deadline exceeded|timeout|timed out|request canceled|temporary failure in name resolution|server misbehaving/i,
    (about) => new Errors.RegistryTimedOut(about)
  ],
  [
    /\bEOF$|: EOF|connection reset|broken pipe|server closed|use of closed network connection|GOAWAY|stream error/im,
    (about) => new Errors.RegistryLost(about)
  ],
  [
    /dial tcp|connection refused|no route to host|network is unreachable|tls: /i,
    (about) => new Errors.RegistryUnreachable(about)
  ]
]

/**
 * Finds the registry error in an engine's stderr; undefined if there is none. `isOwn` means that the engine used the
 * user's own login and not the credentials of deploy.yml.
 */
export const parseRegistryError = (
  about: Omit<ErrorFields, "detail">,
  stderr: string,
  isOwn: boolean
): Errors.RemoteRegistryError | undefined => {
  const found = patterns.find(([pattern]) => pattern.test(stderr))
  return found?.[1]({ ...about, detail: reasonFrom(stderr, found[0]) }, isOwn)
}

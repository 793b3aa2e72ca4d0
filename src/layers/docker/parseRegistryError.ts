import * as Errors from "./RemoteRegistryError.ts"
import { reasonFrom } from "../../core/lines.ts"

/** Seconds, of `retry-after: 5` and of GHCR's `retry-after: 1.2s` and `retry-after: 350.5ms`. */
const retryAfter = (text: string): { readonly retryAfter?: number } => {
  const [, number, unit = "s"] = /retry[- ]after:?\s*(\d+(?:\.\d+)?)(ns|µs|us|ms|s|m|h)?/i.exec(text) ?? []
  if (number === undefined) return {}
  return { retryAfter: Number(number) * (seconds[unit] ?? 1) }
}
const seconds: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, m: 60, h: 3600 }

/** An HTTP status, in each of the ways in which docker, podman and the libraries below them write one. */
const status = (code: string): string =>
  `(?:status(?: code)?(?: from registry)?:? |HTTP |\\b)${code}(?:\\b(?= \\(?[A-Z])|(?<=(?:status|status code|from registry|HTTP):? ${code})\\b)`

type Made = Omit<ConstructorParameters<typeof Errors.RegistryRefused>[0], "_tag" | "isOwn">

/** What the engines are known to print of a registry, the most telling first. */
const patterns: ReadonlyArray<
  readonly [pattern: RegExp, make: (about: Made, isOwn: boolean) => Errors.RemoteRegistryError]
> = [
  // What Docker Hub says of a name that nobody has, too.
  [/repository does not exist or may require 'docker login'/i, (about) => new Errors.ImageNotFound(about)],
  [
    new RegExp(`toomanyrequests|too many requests|${status("429")}`, "i"),
    (about) => new Errors.RegistryRateLimited({ ...about, ...retryAfter(about.detail) })
  ],
  [
    new RegExp(`insufficient storage|storage (limit|quota)|quota.{0,20}exceeded|${status("507")}`, "i"),
    (about) => new Errors.RegistryFull(about)
  ],
  [
    /x509: |certificate (signed by|has expired|is not trusted|is not valid)/i,
    (about) => new Errors.RegistryUntrusted(about)
  ],
  [/server gave HTTP response|does not look like a TLS handshake/i, (about) => new Errors.RegistryWithoutTls(about)],
  // To a stranger it means that a login is asked for.
  [
    /requested access to the resource is denied/i,
    (about, isOwn) => (isOwn ? new Errors.RegistryRefused({ ...about, isOwn }) : new Errors.RegistryForbidden(about))
  ],
  [
    new RegExp(`permission_denied|installation not allowed|${status("403")}`, "i"),
    (about) => new Errors.RegistryForbidden(about)
  ],
  [
    new RegExp(
      `unauthorized|unauthenticated|authentication required|no basic auth credentials|invalid username/password|denied: |${status("401")}`,
      "i"
    ),
    (about, isOwn) => new Errors.RegistryRefused({ ...about, ...(isOwn && { isOwn }) })
  ],
  [
    /manifest unknown|manifest for .* not found|repository .* not found|name unknown|not found: manifest/i,
    (about) => new Errors.ImageNotFound(about)
  ],
  [
    new RegExp(`unknown: unknown error|unexpected http status: 5\\d\\d|${status("5\\d\\d")}`, "i"),
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

/** Which error of a registry an engine tells, if it is one. `isOwn` where no credentials of deploy.yml's were shown. */
export const parseRegistryError = (
  about: Omit<Made, "detail">,
  stderr: string,
  isOwn: boolean
): Errors.RemoteRegistryError | undefined => {
  const found = patterns.find(([pattern]) => pattern.test(stderr))
  return found?.[1]({ ...about, detail: reasonFrom(stderr, found[0]) }, isOwn)
}

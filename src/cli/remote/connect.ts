import { Clock, Effect, Redacted, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { type HttpApi, HttpApiClient, type HttpApiGroup } from "effect/http-api"
import { Scrubber } from "../../core/Scrubber.ts"
import { oneLine } from "../../core/text.ts"
import type { Api } from "../../serve/Api.ts"
import { isLoopback } from "../../serve/isLoopback.ts"
import {
  RemoteCertificate,
  RemoteNotEncrypted,
  RemoteRedirected,
  RemoteRefused,
  RemoteUnexpected,
  RemoteUnreachable,
  RemoteUrlInvalid
} from "./RemoteError.ts"
import type { Remote } from "./remoteFlags.ts"
import { readToken } from "./readToken.ts"

/** How long an answer may take. A pipeline's file has 15 seconds to load. */
const patience = "60 seconds"

/** The address without a slash at its end, and whether it is on this machine. Fails before anything is sent there if that would not be safe. */
const checkUrl = Effect.fnUntraced(function* ({ allowHttp, url: text }: Remote) {
  const invalid = (reason: string) => new RemoteUrlInvalid({ reason })
  const url = URL.parse(text)
  if (url === null) return yield* invalid("is not a URL")
  const { hash, hostname, password, pathname, protocol, search, username } = url
  // Others see the words of a command.
  if (username !== "" || password !== "") return yield* invalid("must not have a password in it")
  if (search !== "" || hash !== "") return yield* invalid("must not have a part after ? or #")
  if (protocol !== "https:" && protocol !== "http:") return yield* invalid("must begin with https://")
  const base = `${url.origin}${pathname.replace(/\/+$/, "")}`
  const isLocal = isLoopback(hostname.replace(/^\[(.*)\]$/, "$1"))
  if (protocol === "http:" && !allowHttp && !isLocal) return yield* new RemoteNotEncrypted({ url: base })
  return { url: base, isLocal }
})

/** How Bun's fetch does requests. To this machine they do not pass the proxy of the environment, which could read the token. */
const requestInit = (isLocal: boolean): RequestInit => {
  const init = { redirect: "manual", ...(isLocal && { proxy: false }) }
  // Bun's types do not have false, which turns the proxy off.
  return init as unknown as RequestInit
}

/** What is wrong with a certificate, by the code of OpenSSL's error. */
const certificateErrors: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "it has expired",
  CERT_NOT_YET_VALID: "it is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is signed by itself",
  SELF_SIGNED_CERT_IN_CHAIN: "an unknown authority has signed it",
  UNABLE_TO_GET_ISSUER_CERT: "an unknown authority has signed it",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "an unknown authority has signed it",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "an unknown authority has signed it",
  CERT_REVOKED: "it is revoked",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another name"
}

const connectionErrors: Readonly<Record<string, string>> = {
  ConnectionRefused: "the connection was refused",
  ECONNREFUSED: "the connection was refused",
  ConnectionClosed: "the connection was closed",
  ECONNRESET: "the connection was closed",
  FailedToOpenSocket: "it cannot be connected to",
  ENOTFOUND: "its name is unknown",
  Timeout: "it does not answer"
}

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : ""

/** An error that the API describes. */
const isApiError = Schema.is(Schema.Struct({ _tag: Schema.String, message: Schema.String }))

type RemoteError = RemoteCertificate | RemoteRedirected | RemoteRefused | RemoteUnexpected | RemoteUnreachable

/** Says what an error of the client means. */
const explain = (url: string, error: unknown): RemoteError => {
  if (!HttpClientError.isHttpClientError(error)) {
    return !Schema.isSchemaError(error) && isApiError(error)
      ? new RemoteRefused({ url, tag: error._tag, text: oneLine(error.message.replaceAll(/\s*\n\s*/g, " ")) })
      : new RemoteUnexpected({ url, detail: "its answer has another form" })
  }
  const { reason } = error
  if (reason._tag === "TransportError") {
    const code = codeOf(reason.cause)
    const certificate = certificateErrors[code]
    if (certificate !== undefined) return new RemoteCertificate({ url, detail: certificate })
    const text = reason.cause instanceof Error ? reason.cause.message : reason.message
    return new RemoteUnreachable({ url, detail: connectionErrors[code] ?? oneLine(text).replace(/\.$/, "") })
  }
  if (!("response" in reason)) return new RemoteUnexpected({ url, detail: oneLine(reason.message) })
  const { headers, status } = reason.response
  if (status >= 300 && status < 400) {
    return new RemoteRedirected({ url, to: oneLine(headers["location"] ?? "another address") })
  }
  // A proxy whose jiji serve is not there.
  if (status >= 502 && status <= 504) return new RemoteUnreachable({ url, detail: `its proxy answers ${status}` })
  const detail = status < 300 ? "its answer has another form" : `it answers with status ${status}`
  return new RemoteUnexpected({ url, detail })
}

/** By how much another clock is behind, as far as the header `Date` says: it has no parts of a second. */
const clockDifference = (now: number, date: string | undefined): number => {
  const difference = now - Date.parse(date ?? "")
  return Math.abs(difference) > 2000 ? difference : 0
}

/** Sends requests to a `jiji serve`. Follows no redirect, since the token would go along. */
export const connect = Effect.fnUntraced(function* <Id extends string, Groups extends HttpApiGroup.Constraint>(
  remote: Remote,
  api: HttpApi.HttpApi<Id, Groups>
) {
  const { isLocal, url } = yield* checkUrl(remote)
  const token = yield* readToken(remote, url)
  const scrubber = yield* Scrubber
  scrubber.add(token)
  let behind = 0
  const client = yield* HttpApiClient.make(api, {
    baseUrl: url,
    transformClient: (client) =>
      client.pipe(
        HttpClient.mapRequest(HttpClientRequest.bearerToken(Redacted.value(token))),
        HttpClient.tap(({ headers }) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            behind = clockDifference(now, headers["date"])
          })
        )
      )
  }).pipe(Effect.provide(FetchHttpClient.layer))
  /** Does requests; errors say what is wrong with the server. */
  const request = <A, E, R>(
    use: (api: typeof client) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, RemoteError, Exclude<R, FetchHttpClient.RequestInit>> =>
    use(client).pipe(
      Effect.provideService(FetchHttpClient.RequestInit, requestInit(isLocal)),
      Effect.mapError((error) => explain(url, error))
    )
  return {
    url,
    /** By how many milliseconds the server's clock is behind this one. */
    behind: () => behind,
    stream: request,
    request: <A, E, R>(use: (api: typeof client) => Effect.Effect<A, E, R>) =>
      request(use).pipe(
        Effect.timeoutOrElse({
          duration: patience,
          orElse: () => Effect.fail(new RemoteUnreachable({ url, detail: "it does not answer" }))
        })
      ),
    explain: (error: unknown) => explain(url, error)
  }
})

type ApiGroups = typeof Api extends HttpApi.HttpApi<string, infer Groups> ? Groups : never

export type Connection = Effect.Success<ReturnType<typeof connect<"jiji", ApiGroups>>>

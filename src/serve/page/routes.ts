import { Effect, Layer, Result, Schema, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { SqlClient, type SqlError } from "effect/sql"
import manifest from "../../../package.json" with { type: "json" }
import { Feed } from "../Feed.ts"
import { unavailableMessage } from "../handlers.ts"
import { includes, roles } from "../Role.ts"
import { RunStore } from "../RunStore.ts"
import type { Token } from "../Tokens.ts"
import { type Asset, assets, documentOf } from "./assets.ts"
import { changes } from "./changes.ts"
import { Identify, type Identity, isFromPage, sessionCookie } from "./identify.ts"
import { pagePolicy } from "./policies.ts"
import { sessionSeconds, Sessions } from "./Sessions.ts"

const problem = (status: number, message: string) => HttpServerResponse.jsonUnsafe({ message }, { status })

/** Answers 503 if the database fails. */
const orUnavailable = <R>(answer: Effect.Effect<HttpServerResponse.HttpServerResponse, SqlError.SqlError, R>) =>
  Effect.orElseSucceed(answer, () => problem(503, unavailableMessage))

const refusal = ({ _tag }: Exclude<Identity, { readonly _tag: "Known" }>) =>
  _tag === "Limited"
    ? problem(429, "Too many wrong tokens came from this address. Try again in a minute.")
    : problem(401, "You are not signed in.")

/** What the page knows of who has signed in. */
const describe = ({ expires, name, role }: Token) =>
  HttpServerResponse.jsonUnsafe({
    name,
    role,
    allows: roles.filter((each) => includes(role, each)),
    version: manifest.version,
    ...(expires !== undefined && { expires })
  })

const SignIn = Schema.Struct({ token: Schema.String.check(Schema.isMaxLength(200)) })
const decodeSignIn = Schema.decodeUnknownOption(SignIn)

/** A page with HTTPS, also behind a proxy: the browser says so itself. */
const isSecure = ({ headers }: HttpServerRequest.HttpServerRequest): boolean =>
  headers["origin"]?.startsWith("https:") === true || headers["x-forwarded-proto"] === "https"

/** No path and no domain: the browser sends it back only to this host and below the path of the page. */
const cookieOptions = (request: HttpServerRequest.HttpServerRequest) =>
  ({ httpOnly: true, sameSite: "strict", secure: isSecure(request) }) as const

/** Answers requests of the page only. */
const fromPage = <E, R>(answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.gen(function* () {
    if (isFromPage(yield* HttpServerRequest.HttpServerRequest)) return yield* answer
    return problem(403, "Only the page of jiji serve can use this.")
  })

/** Answers whoever has signed in. */
const signedIn = <E, R>(answer: (token: Token) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  fromPage(
    Effect.gen(function* () {
      const identity = yield* (yield* Identify).bySession
      return identity._tag === "Known" ? yield* answer(identity.token) : refusal(identity)
    })
  )

/** No content if nobody has signed in: that is no error of the page. */
const currentSession = fromPage(
  Effect.map(
    Effect.flatMap(Identify, ({ bySession }) => bySession),
    (identity) => (identity._tag === "Known" ? describe(identity.token) : HttpServerResponse.empty({ status: 204 }))
  )
)

const signIn = fromPage(
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const body = yield* Effect.result(request.json)
    const decoded = decodeSignIn(Result.getOrElse(body, () => undefined))
    if (decoded._tag === "None") return problem(400, "Send a JSON object with a token.")
    const identity = yield* (yield* Identify).byToken(decoded.value.token.trim())
    if (identity._tag === "Unknown") return problem(401, "This token is wrong, expired or revoked.")
    if (identity._tag === "Limited") return refusal(identity)
    const secret = yield* (yield* Sessions).start(identity.token)
    return HttpServerResponse.setCookieUnsafe(describe(identity.token), sessionCookie, secret, {
      ...cookieOptions(request),
      maxAge: `${sessionSeconds} seconds`
    })
  })
)

const signOut = fromPage(
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const secret = request.cookies[sessionCookie]
    if (secret !== undefined) yield* (yield* Sessions).end(secret)
    return HttpServerResponse.expireCookieUnsafe(
      HttpServerResponse.jsonUnsafe({}),
      sessionCookie,
      cookieOptions(request)
    )
  })
)

const followAll = signedIn((token) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<
      RunStore | Feed | Identify | SqlClient.SqlClient | HttpServerRequest.HttpServerRequest
    >()
    return HttpServerResponse.stream(Stream.provideContext(changes(token), context), {
      contentType: "text/event-stream",
      // nginx buffers responses otherwise.
      headers: { "x-accel-buffering": "no" }
    })
  })
)

const files = Effect.promise(assets)

const pageDocument = Effect.map(files, (all) =>
  HttpServerResponse.html(documentOf(all)).pipe(HttpServerResponse.setHeader("content-security-policy", pagePolicy))
)

const file = Effect.gen(function* () {
  const { name } = yield* HttpRouter.params
  const found = Object.values<Asset>(yield* files).find((each) => each.name === name)
  if (found === undefined) return problem(404, "There is no such file.")
  return HttpServerResponse.text(found.text, {
    contentType: found.type,
    headers: { "cache-control": "public, max-age=31536000, immutable" }
  })
})

/** The page, and what only it needs. Everything else that it shows comes from the API. */
export const pageRoutes = Layer.mergeAll(
  HttpRouter.add("GET", "/", pageDocument),
  HttpRouter.add("GET", "/page/:name", file),
  HttpRouter.add("GET", "/session", orUnavailable(currentSession)),
  HttpRouter.add("POST", "/session", orUnavailable(signIn)),
  HttpRouter.add("DELETE", "/session", orUnavailable(signOut)),
  HttpRouter.add("GET", "/session/changes", orUnavailable(followAll))
)

import { Context, Effect, Layer, Option } from "effect"
import { HttpServerRequest } from "effect/http"
import type { SqlError } from "effect/sql"
import { type Token, Tokens } from "../Tokens.ts"
import { Sessions } from "./Sessions.ts"
import { WrongTokens } from "./WrongTokens.ts"

/** The cookie of a session. */
export const sessionCookie = "jiji_session"

/**
 * Whether the page has sent a request, and no other site. Only scripts of the same origin can set this header: others would
 * have to ask first, and jiji never allows it. A browser also says where the request comes from, if it can trust the address.
 */
export const isFromPage = ({ headers }: Pick<HttpServerRequest.HttpServerRequest, "headers">): boolean =>
  headers["jiji-page"] === "1" && (headers["sec-fetch-site"] ?? "same-origin") === "same-origin"

/** Who sends a request, as far as the server can say. */
export type Identity =
  | { readonly _tag: "Known"; readonly token: Token }
  | { readonly _tag: "Unknown" }
  /** An address that has sent many wrong tokens. */
  | { readonly _tag: "Limited" }

/** Finds out who sends a request. */
export class Identify extends Context.Service<
  Identify,
  {
    /** The sender of a token. */
    byToken(text: string): Effect.Effect<Identity, SqlError.SqlError>
    /** The sender of this request's session cookie. */
    readonly bySession: Effect.Effect<Identity, SqlError.SqlError, HttpServerRequest.HttpServerRequest>
    /** Whether what this request came with is still good: its token, or its session. A stream asks again and again. */
    isStillGood(token: Token): Effect.Effect<boolean, SqlError.SqlError, HttpServerRequest.HttpServerRequest>
  }
>()("jiji/serve/Identify") {
  static readonly layer = Layer.effect(
    Identify,
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const sessions = yield* Sessions
      const wrong = yield* WrongTokens
      const known = (token: Option.Option<Token>): Identity =>
        Option.match(token, { onNone: () => ({ _tag: "Unknown" }), onSome: (token) => ({ _tag: "Known", token }) })
      return Identify.of({
        byToken: Effect.fnUntraced(function* (text) {
          const identity = known(yield* tokens.verify(text))
          return identity._tag === "Unknown" && (yield* wrong.count) ? { _tag: "Limited" } : identity
        }),
        bySession: Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          const secret = request.cookies[sessionCookie]
          // It would be as good as the token, so another site must not be able to use it.
          if (secret === undefined || !isFromPage(request)) return { _tag: "Unknown" }
          // One that has ended is no guess: every open tab still has it.
          return known(yield* sessions.find(secret))
        }),
        isStillGood: Effect.fnUntraced(function* ({ id }) {
          const { cookies, headers } = yield* HttpServerRequest.HttpServerRequest
          if (headers["authorization"] !== undefined) return Option.isSome(yield* tokens.get(id))
          return Option.isSome(yield* sessions.find(cookies[sessionCookie] ?? ""))
        })
      })
    })
  )
}

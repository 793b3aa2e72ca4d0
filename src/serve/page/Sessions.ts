import { Clock, Context, Effect, Layer, Option } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { createHash, randomBytes } from "node:crypto"
import { type Token, Tokens } from "../Tokens.ts"

/** How long a session lasts, in seconds. */
export const sessionSeconds = 7 * 24 * 60 * 60

/** How many sessions a token can have. A new one ends the oldest. */
const maxSessions = 20

/** A session's secret has 256 random bits, so SHA-256 is enough, as for tokens. */
const hashOf = (secret: string): string => createHash("sha256").update(secret).digest("hex")

/** The sessions of browsers that have signed in with a token. The database has their hashes only. */
export class Sessions extends Context.Service<
  Sessions,
  {
    /** Starts a session and returns its secret. */
    start(token: Token): Effect.Effect<string, SqlError.SqlError>
    /** The token that a session signed in with; none if the session or its token has ended. */
    find(secret: string): Effect.Effect<Option.Option<Token>, SqlError.SqlError>
    end(secret: string): Effect.Effect<void, SqlError.SqlError>
  }
>()("jiji/serve/Sessions") {
  static readonly layer = Layer.effect(
    Sessions,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const tokens = yield* Tokens
      return Sessions.of({
        start: Effect.fnUntraced(function* ({ id }) {
          const now = yield* Clock.currentTimeMillis
          const secret = randomBytes(32).toString("base64url")
          yield* sql.withTransaction(
            Effect.gen(function* () {
              yield* sql`INSERT INTO sessions (hash, token, created, expires)
                VALUES (${hashOf(secret)}, ${id}, ${now}, ${now + sessionSeconds * 1000})`
              yield* sql`DELETE FROM sessions WHERE expires <= ${now} OR (token = ${id} AND hash NOT IN (
                SELECT hash FROM sessions WHERE token = ${id} ORDER BY created DESC, hash LIMIT ${maxSessions}
              ))`
            })
          )
          return secret
        }),
        find: Effect.fnUntraced(function* (secret) {
          const now = yield* Clock.currentTimeMillis
          const [session] = yield* sql<{
            readonly token: string
          }>`SELECT token FROM sessions WHERE hash = ${hashOf(secret)} AND expires > ${now}`
          return session === undefined ? Option.none() : yield* tokens.get(session.token)
        }),
        end: (secret) => Effect.asVoid(sql`DELETE FROM sessions WHERE hash = ${hashOf(secret)}`)
      })
    })
  )
}

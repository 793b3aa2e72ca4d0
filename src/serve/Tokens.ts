import { Clock, Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient, type SqlError } from "effect/sql"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { Role } from "./Role.ts"
import { TokenExists, TokenNotFound } from "./ServeError.ts"

const Row = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  role: Role,
  hash: Schema.String,
  created: Schema.Int,
  expires: Schema.NullOr(Schema.Int),
  used: Schema.NullOr(Schema.Int)
})

/** A token without its secret. Times are epoch milliseconds. */
export interface Token {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly created: number
  readonly expires?: number
  /** The last minute in which somebody used it. */
  readonly used?: number
}

const decodeRow = Schema.decodeUnknownOption(Row)

const toToken = ({ created, expires, id, name, role, used }: typeof Row.Type): Token => ({
  id,
  name,
  role,
  created,
  ...(expires !== null && { expires }),
  ...(used !== null && { used })
})

/** SHA-256 is enough: a token has 256 random bits, which nobody can guess from its hash. */
const hashOf = (text: string): Buffer => createHash("sha256").update(text).digest()

/** `jiji_ID_SECRET`. The ID finds the row, so that only one hash is compared. */
const form = /^jiji_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/

/** How exact `used` is. Every request would write otherwise. */
const usedPrecision = 60_000

export interface TokensShape {
  /** Creates a token and returns its text, which nobody can see again. */
  create(options: {
    readonly name: string
    readonly role: Role
    readonly expires?: number
  }): Effect.Effect<string, TokenExists | SqlError.SqlError>
  /** All tokens, the oldest first. */
  readonly list: Effect.Effect<ReadonlyArray<Token>, SqlError.SqlError>
  revoke(name: string): Effect.Effect<void, TokenNotFound | SqlError.SqlError>
  /** The token with this text; none if there is none, or if it has expired. */
  verify(text: string): Effect.Effect<Option.Option<Token>, SqlError.SqlError>
  /** The token with this ID, as long as it is good. */
  get(id: string): Effect.Effect<Option.Option<Token>, SqlError.SqlError>
}

/** The tokens that let a program use the API. The database has their hashes only. */
export class Tokens extends Context.Service<Tokens, TokensShape>()("jiji/serve/Tokens") {
  static readonly layer = Layer.effect(
    Tokens,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const find = Effect.fnUntraced(function* (id: string) {
        const now = yield* Clock.currentTimeMillis
        const rows = yield* sql`SELECT * FROM tokens WHERE id = ${id} AND (expires IS NULL OR expires > ${now})`
        return Option.flatMap(Option.fromNullishOr(rows[0]), decodeRow)
      })
      return Tokens.of({
        create: Effect.fnUntraced(function* ({ expires, name, role }) {
          const created = yield* Clock.currentTimeMillis
          const id = randomBytes(6).toString("hex")
          const text = `jiji_${id}_${randomBytes(32).toString("base64url")}`
          const hash = hashOf(text).toString("hex")
          const added = yield* sql`INSERT INTO tokens (id, name, role, hash, created, expires)
            VALUES (${id}, ${name}, ${role}, ${hash}, ${created}, ${expires ?? null})
            ON CONFLICT DO NOTHING RETURNING id`
          return added.length === 0 ? yield* new TokenExists({ name }) : text
        }),
        list: Effect.map(sql`SELECT * FROM tokens ORDER BY created, name`, (rows) =>
          rows.flatMap((row) => Option.toArray(Option.map(decodeRow(row), toToken)))
        ),
        revoke: Effect.fnUntraced(function* (name) {
          const removed = yield* sql`DELETE FROM tokens WHERE name = ${name} RETURNING id`
          if (removed.length === 0) return yield* new TokenNotFound({ name })
        }),
        verify: Effect.fnUntraced(function* (text) {
          const id = form.exec(text)?.[1]
          if (id === undefined) return Option.none()
          const found = yield* find(id)
          if (Option.isNone(found)) return Option.none()
          const { hash, used } = found.value
          if (!timingSafeEqual(hashOf(text), Buffer.from(hash, "hex"))) return Option.none()
          const now = yield* Clock.currentTimeMillis
          const minute = now - (now % usedPrecision)
          // A full disk must not keep anybody from looking what is wrong.
          if (used !== minute) yield* Effect.ignore(sql`UPDATE tokens SET used = ${minute} WHERE id = ${id}`)
          return Option.some(toToken(found.value))
        }),
        get: (id) => Effect.map(find(id), Option.map(toToken))
      })
    })
  )
}

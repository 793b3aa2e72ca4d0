import { Effect, Layer } from "effect"
import { SqlError } from "effect/sql"
import { ServeStateUnusable } from "./ServeError.ts"
import { openState } from "./openState.ts"
import { Tokens, type TokensShape } from "./Tokens.ts"

/** Uses the tokens of a database. */
export const withTokens = <A, E>(file: string, use: (tokens: TokensShape) => Effect.Effect<A, E>) =>
  Effect.flatMap(Tokens, use).pipe(
    Effect.provide(Layer.provide(Tokens.layer, openState(file))),
    Effect.catchIf(
      (error) => error instanceof SqlError.SqlError,
      (error) => Effect.fail(new ServeStateUnusable({ file, detail: String(error) }))
    )
  )

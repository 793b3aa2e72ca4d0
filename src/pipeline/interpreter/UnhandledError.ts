import { Context, type Effect } from "effect"

/**
 * An Effect that fails when an error occurs outside of any step, such as an unhandled rejection. The run then fails with it.
 * Undefined if nothing watches for such errors.
 */
export const UnhandledError = Context.Reference<Effect.Effect<never> | undefined>(
  "jiji/pipeline/interpreter/UnhandledError",
  {
    defaultValue: () => undefined
  }
)

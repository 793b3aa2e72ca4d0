import { Context, type Effect } from "effect"

/** Ends the runs of this process with a fault that came up outside of their steps; undefined where nobody looks for any. */
export const UnhandledError = Context.Reference<Effect.Effect<never> | undefined>("jiji/pipeline/interpreter/Stray", {
  defaultValue: () => undefined
})

import { Effect, Schema } from "effect"
import { Prompt } from "effect/cli"
import { defineError } from "../core/defineError.ts"
import { Resuming } from "./Resuming.ts"
import { Terminal } from "./process/Terminal.ts"

/** A command must ask before it removes or stops something, but there is no terminal, or --json was given. */
export class NotConfirmed extends defineError<NotConfirmed>()("NotConfirmed", {
  fields: {
    what: Schema.String,
    /** What the command does. Absent for one that removes something. */
    action: Schema.optionalKey(Schema.Literal("stop"))
  },
  message: (e) =>
    `This command ${e.action === "stop" ? "stops" : "removes"} ${e.what}, and it cannot ask for confirmation here.`,
  remedy: (e) => `Use --yes to ${e.action ?? "remove"} without confirmation.`,
  exitCode: "usage",
  sample: [{ what: "stored images" }, { what: "all services of shop", action: "stop" }]
}) {}

/**
 * Fails if a command that removes or stops something can neither ask nor was given --yes. `what` names what it removes or
 * stops.
 */
export const requireConfirmation = Effect.fnUntraced(function* (
  what: string,
  { json, yes, ...about }: { readonly json: boolean; readonly yes: boolean; readonly action?: "stop" }
) {
  // A resumed run was confirmed when it began.
  if ((yield* Resuming) !== undefined) return
  const { isInteractive } = yield* Terminal
  if (!yes && (json || !isInteractive)) return yield* new NotConfirmed({ what, ...about })
})

/** Asks a question on the terminal, unless it was answered before a resumed run began. Ctrl-C interrupts the command. */
export const ask = Effect.fnUntraced(function* (message: string) {
  if ((yield* Resuming) !== undefined) return true
  return yield* Effect.catchTag(Prompt.run(Prompt.Confirm({ message })), "QuitError", () => Effect.interrupt)
})

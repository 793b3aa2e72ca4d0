import { Context, type Effect, Schema } from "effect"
import { defineError } from "../core/defineError.ts"
import type { Role } from "./Role.ts"

/** `jiji serve` does not run this command, or not like this. */
export class CommandRefused extends defineError<CommandRefused>()("CommandRefused", {
  fields: { command: Schema.String, reasons: Schema.Array(Schema.String) },
  message: (e) => `jiji serve does not run ${e.command}: ${e.reasons.join("; ")}`,
  remedy: "docs/serve.md lists the commands that it runs.",
  exitCode: "usage",
  sample: { command: "deploy", reasons: ["Unrecognized flag: --versoin in command jiji deploy"] }
}) {}

/** A command that may run: one of jiji's own, or a pipeline of the project. */
export type CheckedCommand =
  | { readonly _tag: "Builtin"; readonly role: Role; readonly words: ReadonlyArray<string> }
  | { readonly _tag: "Pipeline"; readonly name: string; readonly flags: ReadonlyArray<string> }

/** Decides which commands `jiji serve` runs, and reads their flags as the command line does. Runs nothing. */
export class Commands extends Context.Service<
  Commands,
  { check(words: ReadonlyArray<string>): Effect.Effect<CheckedCommand, CommandRefused> }
>()("jiji/serve/Commands") {}

import { Effect, Option, Result, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { defineError } from "../../core/defineError.ts"
import { currentUser } from "../../record/Owner.ts"
import { sendSignal } from "../../record/signal.ts"
import { Terminal } from "../process/Terminal.ts"
import { UserPaths } from "../UserPaths.ts"

/** The value of a signal is not JSON. */
export class SignalNotJson extends defineError<SignalNotJson>()("SignalNotJson", {
  fields: { value: Schema.String, reason: Schema.String },
  message: (e) => `The value ${JSON.stringify(e.value)} is not JSON: ${e.reason}.`,
  remedy: `Quote it for the shell: '{"tag":"v1"}', '"some text"', 3 or true.`,
  exitCode: "usage",
  sample: { value: "{tag:v1}", reason: "JSON Parse error: Expected '}'" }
}) {}

/** The value of a signal: true if none is given. */
export const parseValue = (value: Option.Option<string>): Result.Result<unknown, SignalNotJson> =>
  Option.match(value, {
    onNone: () => Result.succeed(true),
    onSome: (text) =>
      Result.try({
        try: (): unknown => JSON.parse(text),
        catch: (error) =>
          new SignalNotJson({ value: text, reason: error instanceof Error ? error.message : String(error) })
      })
  })

/** `jiji signal`. */
export const command = Command.make(
  "signal",
  {
    run: Argument.String("run").pipe(Argument.withDescription("Run ID, or the start of one")),
    name: Argument.String("name").pipe(Argument.withDescription("Name of the signal that a step waits for")),
    value: Argument.String("value").pipe(
      Argument.withDescription("Value of the signal, as JSON (default: true)"),
      Argument.optional
    ),
    by: Flag.String("by").pipe(
      Flag.withMetavar("WHO"),
      Flag.withDescription("Who sends the signal (default: your user on this machine)"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function* ({ by, name, run, value }) {
    const { history } = yield* UserPaths
    const { write } = yield* Terminal
    const parsed = yield* Effect.fromResult(parseValue(value))
    const signal = { name, value: parsed, by: Option.getOrElse(by, currentUser) }
    const { id, isWaiting, outcome } = yield* sendSignal(history, run, signal)
    const note =
      outcome !== "running"
        ? `; it is not running, and finds the signal when you resume it: jiji resume ${id}`
        : isWaiting
          ? "."
          : "; no step waits for it now."
    write(`Sent ${name} to run ${id}${note}\n`)
  })
).pipe(
  Command.withDescription("Send a signal to a run that waits for it (Step.waitFor)"),
  Command.withExamples([
    { command: "jiji signal mf3k approved --by ann", description: "Let a run go on that waits for approval" },
    { command: "jiji signal mf3k scale '{\"replicas\":3}'", description: "Send a value, as JSON" }
  ])
)

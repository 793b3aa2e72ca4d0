import { Effect } from "effect"
import { Argument, CliError, Command } from "effect/cli"

/** `jiji help`, which `usualWords` turns into `--help` if it is the first word. */
export const command = Command.make(
  "help",
  {
    command: Argument.String("command").pipe(
      Argument.withDescription("Command to explain (default: list all commands)"),
      Argument.variadic()
    )
  },
  Effect.fnUntraced(function* ({ command: words }) {
    return yield* new CliError.ShowHelp({ commandPath: ["jiji", ...words], errors: [] })
  })
).pipe(
  Command.withDescription("Explain a command"),
  Command.withExamples([
    { command: "jiji help runs show", description: "Explain a command, like jiji runs show --help" }
  ])
)

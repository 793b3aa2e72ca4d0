import { Effect } from "effect"
import { Argument, Command, Completions } from "effect/cli"
import { Terminal } from "../process/Terminal.ts"

/** `jiji completions`, for the commands of `root`. */
export const make = (root: () => Command.Command.Any) =>
  Command.make(
    "completions",
    {
      shell: Argument.Literals("shell", ["bash", "zsh", "fish"]).pipe(
        Argument.withDescription("Shell to complete commands in: bash, zsh or fish")
      )
    },
    Effect.fnUntraced(function* ({ shell }) {
      const { write } = yield* Terminal
      write(`${Completions.generate("jiji", shell, Completions.fromCommand(root())).trimEnd()}\n`)
    })
  ).pipe(
    Command.withDescription("Print a shell completion script for jiji"),
    Command.withExamples([
      { command: 'eval "$(jiji completions bash)"', description: "Complete in bash; put this line into ~/.bashrc" },
      {
        command: "jiji completions zsh > ~/.zsh/completions/_jiji",
        description: "Complete in zsh, from a folder in $fpath"
      },
      { command: "jiji completions fish > ~/.config/fish/completions/jiji.fish", description: "Complete in fish" }
    ])
  )

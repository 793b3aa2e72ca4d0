import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { scripts as engine } from "../layers/docker/scripts.ts"
import secret from "../layers/secrets/command.sh" with { type: "text" }

const scripts = { ...engine, secret } as const

/** `jiji script`: what runs on machines, to read. */
export const command = (write: (text: string) => void) =>
  Command.make(
    "script",
    {
      name: Argument.Literals("name", ["check", "probe", "pull", "push", "registry", "replace", "secret"]).pipe(
        Argument.withDescription("The script, as --dry-run names it")
      )
    },
    ({ name }) => Effect.sync(() => write(scripts[name]))
  ).pipe(Command.withDescription("Print a script that jiji runs"))

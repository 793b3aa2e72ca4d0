import { Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { scripts as diagnosis } from "../../layers/diagnosis/scripts.ts"
import { scripts as engine } from "../../layers/docker/scripts.ts"
import registry from "../../layers/registryContainer/registry.sh" with { type: "text" }
import secret from "../../layers/secrets/command.sh" with { type: "text" }

const scripts = { ...diagnosis, ...engine, registry, secret } as const

const names = ["build", "check", "look", "probe", "pull", "push", "registry", "replace", "secret", "tunnel"] as const

/** `jiji script`: what runs on machines, to read. */
export const command = (write: (text: string) => void) =>
  Command.make(
    "script",
    {
      name: Argument.Literals("name", names).pipe(
        Argument.withDescription("The script; --dry-run names those of a deploy"),
        Argument.optional
      )
    },
    ({ name }) =>
      Effect.sync(() =>
        write(Option.match(name, { onNone: () => `${names.join("\n")}\n`, onSome: (name) => scripts[name] }))
      )
  ).pipe(Command.withDescription("Print a script that jiji runs, or without a name the names of all"))

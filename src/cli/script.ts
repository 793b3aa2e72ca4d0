import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { scripts as diagnosis } from "../layers/diagnosis/scripts.ts"
import { scripts as engine } from "../layers/docker/scripts.ts"
import secret from "../layers/secrets/command.sh" with { type: "text" }

const scripts = { ...diagnosis, ...engine, secret } as const

/** `jiji script`: what runs on machines, to read. */
export const command = (write: (text: string) => void) =>
  Command.make(
    "script",
    {
      name: Argument.Literals("name", [
        "build",
        "check",
        "look",
        "probe",
        "pull",
        "push",
        "registry",
        "replace",
        "secret",
        "tunnel"
      ]).pipe(Argument.withDescription("The script; --dry-run names those of a deploy"))
    },
    ({ name }) => Effect.sync(() => write(scripts[name]))
  ).pipe(Command.withDescription("Print a script that jiji runs"))

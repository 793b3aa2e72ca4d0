import { Effect } from "effect"
import { Argument, Command } from "effect/cli"
import probe from "../layers/docker/probe.sh" with { type: "text" }
import pull from "../layers/docker/pull.sh" with { type: "text" }
import push from "../layers/docker/push.sh" with { type: "text" }
import replace from "../layers/docker/replace.sh" with { type: "text" }
import secret from "../layers/secrets/command.sh" with { type: "text" }

const scripts = { probe, pull, push, replace, secret } as const

/** `jiji script`: what runs on machines, to read. */
export const command = (write: (text: string) => void) =>
  Command.make(
    "script",
    {
      name: Argument.Literals("name", ["probe", "pull", "push", "replace", "secret"]).pipe(
        Argument.withDescription("The script, as --dry-run names it")
      )
    },
    ({ name }) => Effect.sync(() => write(scripts[name]))
  ).pipe(Command.withDescription("Print a script that jiji runs"))

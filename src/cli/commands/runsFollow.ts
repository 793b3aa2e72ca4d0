import { Argument, Command, Flag } from "effect/cli"
import { OnlyRemote } from "../remote/RemoteError.ts"

/** `jiji runs follow`, which asks a `jiji serve`. */
export const command = Command.make(
  "follow",
  {
    id: Argument.String("id").pipe(Argument.withDescription("Number of the run on the jiji serve")),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print one JSON event per line and nothing else (docs/events.md)"),
      Flag.withDefault(false)
    )
  },
  () => new OnlyRemote({ command: "runs follow" })
).pipe(
  Command.withDescription("Show a run of a jiji serve from its beginning, live, until it ends"),
  Command.withExamples([
    { command: "jiji --remote https://deploy.example.com runs follow 12", description: "Ctrl-C only stops following" }
  ])
)

import { Argument, Command } from "effect/cli"
import { OnlyRemote } from "../remote/RemoteError.ts"

/** `jiji cancel`, which asks a `jiji serve`. */
export const command = Command.make(
  "cancel",
  { run: Argument.String("run").pipe(Argument.withDescription("Number of the run on the jiji serve")) },
  () => new OnlyRemote({ command: "cancel" })
).pipe(
  Command.withDescription("Cancel a run of a jiji serve; a second time, end it at once"),
  Command.withExamples([
    { command: "jiji --remote https://deploy.example.com cancel 12", description: "Cancel the run with this number" }
  ])
)

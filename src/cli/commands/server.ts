import { Command } from "effect/cli"
import * as ExecCommand from "./server/exec.ts"

/** `jiji server`. */
export const command = Command.make("server").pipe(
  Command.withDescription("Work on the servers themselves"),
  Command.withSubcommands([ExecCommand.command])
)

import { Command } from "effect/cli"
import * as ExecCommand from "./server/exec.ts"
import * as ListCommand from "./server/list.ts"
import * as SetupCommand from "./server/setup.ts"

/** `jiji server`. */
export const command = Command.make("server").pipe(
  Command.withDescription("Work on the servers themselves"),
  Command.withSubcommands([ListCommand.command, ExecCommand.command, SetupCommand.command])
)

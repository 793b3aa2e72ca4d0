import { Command } from "effect/cli"
import * as ListCommand from "./server/list.ts"
import * as SetupCommand from "./server/setup.ts"

/** `jiji server`. */
export const command = Command.make("server").pipe(
  Command.withDescription("Work with the servers themselves"),
  Command.withSubcommands([ListCommand.command, SetupCommand.command])
)

import { Command } from "effect/cli"
import * as LoginCommand from "./registry/login.ts"
import * as LogoutCommand from "./registry/logout.ts"
import * as RemoveCommand from "./registry/remove.ts"
import * as ServeCommand from "./registry/serve.ts"
import * as StatusCommand from "./registry/status.ts"

/** `jiji registry`. */
export const command = Command.make("registry").pipe(
  Command.withDescription("Manage the registry"),
  Command.withSubcommands([
    LoginCommand.command,
    LogoutCommand.command,
    StatusCommand.command,
    ServeCommand.command,
    RemoveCommand.command
  ])
)

import { Effect } from "effect"
import { CliError, Command, Flag } from "effect/cli"
import manifest from "../../../package.json" with { type: "json" }
import { Terminal } from "../process/Terminal.ts"
import * as CompletionsCommand from "./completions.ts"
import * as ConfigCommand from "./config.ts"
import * as DeployCommand from "./deploy.ts"
import * as DiffCommand from "./diff.ts"
import * as DoctorCommand from "./doctor.ts"
import * as HelpCommand from "./help.ts"
import * as InitCommand from "./init.ts"
import * as ListCommand from "./list.ts"
import * as LogsCommand from "./logs.ts"
import * as PsCommand from "./ps.ts"
import * as RegistryCommand from "./registry.ts"
import * as RemoveCommand from "./remove.ts"
import * as RunCommand from "./run.ts"
import * as RunsCommand from "./runs.ts"
import * as SandboxCommand from "./sandbox.ts"
import * as SchemaCommand from "./schema.ts"
import * as ScriptCommand from "./script.ts"
import * as SecretsCommand from "./secrets.ts"
import * as ServerCommand from "./server.ts"
import * as VersionCommand from "./version.ts"

/** `jiji`. */
export const command = Command.make(
  "jiji",
  { version: Flag.Boolean("version").pipe(Flag.withDescription("Print the version"), Flag.withDefault(false)) },
  Effect.fnUntraced(function* ({ version }) {
    if (!version) return yield* new CliError.ShowHelp({ commandPath: ["jiji"], errors: [] })
    const { write } = yield* Terminal
    write(`${manifest.version}\n`)
  })
).pipe(
  Command.withDescription("Deploy a project's containers to your own servers over SSH"),
  Command.withSubcommands([
    DeployCommand.command,
    PsCommand.command,
    LogsCommand.command,
    DoctorCommand.command,
    InitCommand.command,
    ConfigCommand.command,
    RemoveCommand.command,
    RegistryCommand.command,
    RunsCommand.command,
    DiffCommand.command,
    ListCommand.command,
    RunCommand.command,
    SandboxCommand.command,
    SecretsCommand.command,
    ServerCommand.command,
    ScriptCommand.command,
    SchemaCommand.command,
    CompletionsCommand.make((): Command.Command.Any => command),
    HelpCommand.command,
    VersionCommand.command
  ])
)

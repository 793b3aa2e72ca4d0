import { Effect } from "effect"
import { CliError, Command, Flag } from "effect/cli"
import manifest from "../../../package.json" with { type: "json" }
import { Terminal } from "../process/Terminal.ts"
import * as DeployCommand from "./deploy.ts"
import * as DoctorCommand from "./doctor.ts"
import * as ListCommand from "./list.ts"
import * as LogsCommand from "./logs.ts"
import * as MaintenanceCommand from "./maintenance.ts"
import * as PlanCommand from "./plan.ts"
import * as PruneCommand from "./prune.ts"
import * as PsCommand from "./ps.ts"
import * as RegistryCommand from "./registry.ts"
import * as RemoveCommand from "./remove.ts"
import * as RestartCommand from "./restart.ts"
import * as RunCommand from "./run.ts"
import * as RunsCommand from "./runs.ts"
import * as SandboxCommand from "./sandbox.ts"
import * as ScriptCommand from "./script.ts"
import * as SecretsCommand from "./secrets.ts"
import * as StartCommand from "./start.ts"
import * as StopCommand from "./stop.ts"

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
    PlanCommand.command,
    PsCommand.command,
    LogsCommand.command,
    DoctorCommand.command,
    StartCommand.command,
    StopCommand.command,
    RestartCommand.command,
    MaintenanceCommand.command,
    RemoveCommand.command,
    PruneCommand.command,
    RegistryCommand.command,
    RunsCommand.command,
    ListCommand.command,
    RunCommand.command,
    SandboxCommand.command,
    SecretsCommand.command,
    ScriptCommand.command
  ])
)

import { Effect } from "effect"
import { CliError, Command, Flag } from "effect/cli"
import manifest from "../../../package.json" with { type: "json" }
import { Terminal } from "../process/Terminal.ts"
import { remoteFlagHelp } from "../remote/remoteFlagHelp.ts"
import * as AuditCommand from "./audit.ts"
import * as CancelCommand from "./cancel.ts"
import * as CompletionsCommand from "./completions.ts"
import * as ConfigCommand from "./config.ts"
import * as ConsoleCommand from "./console.ts"
import * as DeployCommand from "./deploy.ts"
import * as DiffCommand from "./diff.ts"
import * as DoctorCommand from "./doctor.ts"
import * as ExecCommand from "./exec.ts"
import * as HelpCommand from "./help.ts"
import * as InitCommand from "./init.ts"
import * as ListCommand from "./list.ts"
import * as LockCommand from "./lock.ts"
import * as LogsCommand from "./logs.ts"
import * as MaintenanceCommand from "./maintenance.ts"
import * as PlanCommand from "./plan.ts"
import * as PruneCommand from "./prune.ts"
import * as PsCommand from "./ps.ts"
import * as RegistryCommand from "./registry.ts"
import * as RemoveCommand from "./remove.ts"
import * as RestartCommand from "./restart.ts"
import * as ResumeCommand from "./resume.ts"
import * as RollbackCommand from "./rollback.ts"
import * as RunCommand from "./run.ts"
import * as RunsCommand from "./runs.ts"
import * as SandboxCommand from "./sandbox.ts"
import * as SchemaCommand from "./schema.ts"
import * as ScriptCommand from "./script.ts"
import * as SecretsCommand from "./secrets.ts"
import * as ServeCommand from "./serve.ts"
import * as ServerCommand from "./server.ts"
import * as SignalCommand from "./signal.ts"
import * as StartCommand from "./start.ts"
import * as StopCommand from "./stop.ts"
import * as TokenCommand from "./token.ts"
import * as UnlockCommand from "./unlock.ts"
import * as VersionCommand from "./version.ts"
import * as VersionsCommand from "./versions.ts"
import * as WhyCommand from "./why.ts"

/** `jiji`. */
export const command = Command.make(
  "jiji",
  {
    version: Flag.Boolean("version").pipe(Flag.withDescription("Print the version"), Flag.withDefault(false)),
    ...remoteFlagHelp
  },
  Effect.fnUntraced(function* ({ version }) {
    if (!version) return yield* new CliError.ShowHelp({ commandPath: ["jiji"], errors: [] })
    const { write } = yield* Terminal
    write(`${manifest.version}\n`)
  })
).pipe(
  Command.withDescription("Deploy a project's containers to your own servers over SSH"),
  Command.withSubcommands([
    InitCommand.command,
    PlanCommand.command,
    DeployCommand.command,
    RollbackCommand.command,
    VersionsCommand.command,
    PsCommand.command,
    LogsCommand.command,
    ExecCommand.command,
    ConsoleCommand.command,
    StartCommand.command,
    StopCommand.command,
    RestartCommand.command,
    MaintenanceCommand.command,
    RemoveCommand.command,
    PruneCommand.command,
    LockCommand.command,
    UnlockCommand.command,
    AuditCommand.command,
    RunsCommand.command,
    ResumeCommand.command,
    CancelCommand.command,
    SignalCommand.command,
    DiffCommand.command,
    WhyCommand.command,
    DoctorCommand.command,
    ServerCommand.command,
    ConfigCommand.command,
    SchemaCommand.command,
    RegistryCommand.command,
    SecretsCommand.command,
    RunCommand.command,
    ListCommand.command,
    ServeCommand.command,
    TokenCommand.command,
    SandboxCommand.command,
    ScriptCommand.command,
    CompletionsCommand.make((): Command.Command.Any => command),
    VersionCommand.command,
    HelpCommand.command
  ])
)

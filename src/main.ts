#!/usr/bin/env bun
import { Console, Effect, Layer } from "effect"
import { CliConfig, CliError, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import manifest from "../package.json" with { type: "json" }
import * as DeployCommand from "./cli/commands/deploy.ts"
import * as DoctorCommand from "./cli/commands/doctor.ts"
import { files } from "./cli/paths.ts"
import { followers } from "./cli/followers.ts"
import { isOnGitHub, OnGitHub, workflow as workflowOf } from "./cli/github.ts"
import * as Hooks from "./cli/hooks/Hooks.ts"
import * as ListCommand from "./cli/commands/list.ts"
import * as RegistryCommand from "./cli/commands/registry.ts"
import * as RunCommand from "./cli/commands/run.ts"
import * as RunsCommand from "./cli/commands/runs.ts"
import * as SandboxCommand from "./cli/commands/sandbox.ts"
import { ends } from "./cli/process/terminal.ts"
import * as ScriptCommand from "./cli/commands/script.ts"
import * as SecretsCommand from "./cli/commands/secrets.ts"
import { ownConsole } from "./cli/process/stdout.ts"
import { supervised } from "./cli/process/supervise.ts"
import { telemetry } from "./cli/telemetry/telemetry.ts"
import type { Project } from "./config/Project.ts"
import { Diagnosis } from "./layers/diagnosis/Diagnosis.ts"
import { Docker } from "./layers/docker/Docker.ts"
import { Git } from "./layers/git/Git.ts"
import { LocalRegistry } from "./layers/registry/LocalRegistry.ts"
import { RegistryContainer } from "./layers/registryContainer/RegistryContainer.ts"
import { Secrets } from "./layers/secrets/Secrets.ts"
import { Processes } from "./layers/processes/Processes.ts"
import { Shell } from "./layers/shell/Shell.ts"
import { Ssh } from "./layers/ssh/Ssh.ts"
import { Events } from "./core/Events.ts"
import { Scrubber } from "./core/Scrubber.ts"
import * as Platform from "./layers/Platform.ts"
import * as Recording from "./rehearsal/layers.ts"

const { env } = process
const { dockerConfig, record, store } = files(env)
const { drawn, interactive, output } = ends(env)
const { write } = output
const say = (text: string) => void process.stderr.write(text)

const secrets = ({ environment, root }: Project) =>
  Secrets.layer(environment === undefined ? { root } : { root, environment })

/** With the commands that print secrets run on this machine. */
const liveSecrets = (project: Project) => secrets(project).pipe(Layer.provide(Processes.layer))

// Outside of its layer, for what is said of a run that has ended.
const scrubber = Scrubber.make()

const workflow = workflowOf({ env, output, say, clean: scrubber.text })
const traces = telemetry({ env, say, version: manifest.version })

const live = (project: Project) =>
  Layer.mergeAll(
    Diagnosis.layer,
    Docker.layer,
    Git.layer,
    LocalRegistry.layer({ directory: store }),
    RegistryContainer.layer
  ).pipe(
    Layer.provideMerge(traces.over(Shell.layer)),
    Layer.provideMerge(Ssh.layer),
    Layer.provideMerge(liveSecrets(project)),
    Layer.provideMerge(Processes.layer)
  )

/** Reads this machine's files and git, and nothing else; everything else is only recorded. */
const dry = (project: Project) =>
  Layer.mergeAll(Diagnosis.layer, Docker.layer, secrets(project)).pipe(
    Layer.provideMerge(Recording.layer()),
    Layer.merge(Git.layer.pipe(Layer.provide(Processes.layer)))
  )

const hooks = (project: Project) => {
  const { hooks = [] } = project
  const layer = Layer.mergeAll(Processes.layer, liveSecrets(project))
  return hooks.length === 0 ? Effect.succeed(undefined) : Hooks.prepare(project, hooks).pipe(Effect.provide(layer))
}

/** What every command takes that runs a pipeline. */
const runs = {
  live,
  dry,
  followers: followers({ env, output, drawn, record, workflow, traces: traces.followers, say }),
  hooks,
  write
}

/** What the files of pipelines import. Named so that a bundler does not see it: all of it would double the time of a start. */
const modules = async () => {
  const { modules }: typeof import("./release/modules.ts") = await import(["./release/modules", "ts"].join("."))
  return modules
}

const root = Command.make(
  "jiji",
  { version: Flag.Boolean("version").pipe(Flag.withDescription("Print the version"), Flag.withDefault(false)) },
  ({ version }) =>
    version
      ? Effect.sync(() => write(`${manifest.version}\n`))
      : Effect.fail(new CliError.ShowHelp({ commandPath: ["jiji"], errors: [] }))
).pipe(
  Command.withDescription("Ships a project's containers to its own servers over SSH"),
  Command.withSubcommands([
    DeployCommand.command(runs),
    DoctorCommand.command({ live, dry, output, watched: drawn }),
    RegistryCommand.command({ ...runs, output, interactive, dockerConfig }),
    RunsCommand.command({ file: record, output }),
    ListCommand.command({ write, modules }),
    RunCommand.command({ ...runs, version: manifest.version, modules }),
    SandboxCommand.command(write),
    SecretsCommand.command({ secrets: liveSecrets, output, interactive }),
    ScriptCommand.command(write)
  ])
)

/** Help where it was asked for; of a command that is not understood, only what `ending` says of it. */
const help = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Effect.void
      : Effect.provideService(CliOutput.defaultPresenter.present(event), Console.Console, ownConsole)
})

const words = RunCommand.wordsOf(process.argv.slice(2))

const program = Command.runWith(root, { version: manifest.version })(words).pipe(
  Effect.tapCause(workflow.ended),
  Effect.provideService(OnGitHub, isOnGitHub(env)),
  Effect.provide(
    Layer.mergeAll(
      CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Completions] }),
      Git.layer.pipe(Layer.provide(Processes.layer)),
      help
    ).pipe(
      Layer.provideMerge(Layer.provideMerge(Events.layer, Layer.succeed(Scrubber, scrubber))),
      Layer.provideMerge(Platform.layer)
    )
  )
)

supervised(program, scrubber.text)

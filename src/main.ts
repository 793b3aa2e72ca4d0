#!/usr/bin/env bun
import { Effect, Layer } from "effect"
import { CliConfig, Command } from "effect/cli"
import manifest from "../package.json" with { type: "json" }
import { expandAlias } from "./cli/aliases.ts"
import * as RootCommand from "./cli/commands/root.ts"
import { separatePipelineFlags } from "./cli/commands/run.ts"
import { CommandWords, splitCommandWords } from "./cli/exec/CommandWords.ts"
import { remoteFollowers, runFollowers } from "./cli/followers.ts"
import { gitHubWorkflow, isOnGitHub, OnGitHub } from "./cli/github.ts"
import { prepareHooks } from "./cli/hooks/Hooks.ts"
import { PipelineModules } from "./cli/pipelines/modules.ts"
import { globalFlags, helpPresenter } from "./cli/process/help.ts"
import { writeStderrSync } from "./cli/process/stderr.ts"
import { supervise } from "./cli/process/supervise.ts"
import { Terminal } from "./cli/process/Terminal.ts"
import { CommandLine, RunWords } from "./cli/Resuming.ts"
import { splitRemoteFlags } from "./cli/remote/remoteFlags.ts"
import { goesToServer } from "./cli/remote/remoteUses.ts"
import { RunLayers } from "./cli/RunLayers.ts"
import { ServeModule } from "./cli/serve/ServeModule.ts"
import { workerWord } from "./serve/workerWord.ts"
import { makeTelemetry } from "./cli/telemetry/telemetry.ts"
import { helpWords } from "./cli/helpWords.ts"
import { usualWords } from "./cli/usualWords.ts"
import { UserPaths } from "./cli/UserPaths.ts"
import { BuiltinCommands } from "./config/aliases.ts"
import type { Project } from "./config/Project.ts"
import { Events } from "./core/Events.ts"
import { Scrubber } from "./core/Scrubber.ts"
import { Diagnosis } from "./layers/diagnosis/Diagnosis.ts"
import { Docker } from "./layers/docker/Docker.ts"
import { Git } from "./layers/git/Git.ts"
import * as Platform from "./layers/Platform.ts"
import { Processes } from "./layers/processes/Processes.ts"
import { ServerProxy } from "./layers/proxy/ServerProxy.ts"
import { LocalRegistry } from "./layers/registry/LocalRegistry.ts"
import { RegistryContainer } from "./layers/registryContainer/RegistryContainer.ts"
import * as Resolver from "./layers/proxy/Resolver.ts"
import { Secrets } from "./layers/secrets/Secrets.ts"
import { Shell } from "./layers/shell/Shell.ts"
import { Ssh } from "./layers/ssh/Ssh.ts"
import { artifactsLayer } from "./record/artifacts.ts"
import { dryStepCacheLayer, stepCacheLayer } from "./record/stepCache.ts"
import * as DryRun from "./rehearsal/dryRunLayer.ts"

const { env } = process
const { version } = manifest
const terminal = Terminal.make(env)
const paths = UserPaths.make(env)

// Not in a layer: errors are scrubbed after the layers are gone.
const scrubber = Scrubber.make()
const github = gitHubWorkflow({ env, output: terminal, scrub: scrubber.text })
const telemetry = makeTelemetry({ env, version, warn: writeStderrSync })

const secrets = ({ environment, root }: Project) =>
  Secrets.layer(environment === undefined ? { root } : { root, environment })

const cacheOwner = ({ environment, name, root }: Project) => ({
  project: name,
  root,
  ...(environment !== undefined && { environment })
})

const live = (project: Project) =>
  Layer.mergeAll(
    Diagnosis.layer,
    Docker.layer,
    Git.layer,
    LocalRegistry.layer({ directory: paths.registry }),
    ServerProxy.layer,
    RegistryContainer.layer
  ).pipe(
    Layer.provideMerge(telemetry.traceCommands(Shell.layer)),
    Layer.provideMerge(Ssh.layer),
    Layer.provideMerge(secrets(project)),
    Layer.merge(stepCacheLayer(paths.history, cacheOwner(project))),
    Layer.merge(artifactsLayer(paths.history))
  )

/** Reads local files and git for real, and records everything else. */
const dry = (project: Project) =>
  Layer.mergeAll(Diagnosis.layer, Docker.layer, ServerProxy.layerWith(Resolver.none), secrets(project)).pipe(
    Layer.provideMerge(DryRun.layer),
    Layer.merge(Git.layer),
    Layer.merge(dryStepCacheLayer(paths.history, cacheOwner(project)))
  )

const hooks = (project: Project) =>
  project.hooks === undefined || project.hooks.length === 0
    ? Effect.undefined
    : prepareHooks(project, project.hooks).pipe(Effect.provide(secrets(project)))

const followerOptions = { env, terminal, history: paths.history, github, telemetry }

/** The path is hidden from bundlers, since these modules would double the start-up time of a bundle. */
const importModules = async () => {
  const { modules }: typeof import("./release/modules.ts") = await import(["./release/modules", "ts"].join("."))
  return modules
}

/** Hidden, too: see above. */
const importServe = (): Promise<typeof import("./cli/serve/module.ts")> =>
  import(["./cli/serve/module", "ts"].join("."))

const services = Layer.mergeAll(
  Layer.succeed(RunLayers, {
    live,
    dry,
    secrets,
    followers: runFollowers(followerOptions),
    remoteFollowers: remoteFollowers(followerOptions),
    hooks
  }),
  Layer.succeed(Terminal, terminal),
  Layer.succeed(UserPaths, paths),
  Layer.succeed(PipelineModules, PipelineModules.make(importModules)),
  Layer.succeed(ServeModule, ServeModule.make(importServe)),
  Layer.succeed(OnGitHub, isOnGitHub(env)),
  CliConfig.layer({ builtIns: globalFlags }),
  helpPresenter,
  Git.layer
).pipe(
  Layer.provideMerge(Processes.layer),
  Layer.provideMerge(Events.layer),
  Layer.provideMerge(Layer.succeed(Scrubber, scrubber)),
  Layer.provideMerge(Platform.layer)
)

/** The commands that no alias can replace: those of the command line, and the words that `usualWords` translates. */
const builtinCommands = [
  ...RootCommand.command.subcommands.flatMap(({ commands }) => commands.map(({ name }) => name)),
  "help",
  "version"
]

const runWords = Effect.fnUntraced(function* (all: ReadonlyArray<string>) {
  const { after, own } = splitCommandWords(yield* expandAlias(usualWords(all), process.cwd()))
  const words = separatePipelineFlags(helpWords(RootCommand.command, own))
  const context = yield* Effect.context<Layer.Success<typeof services>>()
  const run = Command.runWith(RootCommand.command, { version })
  yield* run(words).pipe(
    Effect.provideService(CommandWords, after),
    Effect.provideService(CommandLine, words),
    Effect.provideService(RunWords, (words) => Effect.provideContext(run(words), context))
  )
})

const program = Effect.gen(function* () {
  const all = process.argv.slice(2)
  if (all[0] === workerWord) {
    const { work } = yield* (yield* ServeModule).load
    return yield* work(runWords)
  }
  const { remote, words } = yield* Effect.fromResult(splitRemoteFlags(all, env))
  if (remote === undefined) return yield* runWords(words)
  const command = yield* expandAlias(usualWords(words), process.cwd())
  if (!(yield* goesToServer(command, remote))) return yield* runWords(words)
  const { runRemote } = yield* (yield* ServeModule).load
  yield* runRemote(remote, command)
}).pipe(
  Effect.provideService(BuiltinCommands, builtinCommands),
  Effect.tapCause(github.reportExit),
  Effect.provide(services)
)

supervise(program, scrubber.text)

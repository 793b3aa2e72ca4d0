#!/usr/bin/env bun
import { Console } from "node:console"
import { appendFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { Effect, Exit, Layer } from "effect"
import { CliConfig, CliError, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import manifest from "../package.json" with { type: "json" }
import * as DeployCommand from "./cli/deploy.ts"
import * as DoctorCommand from "./cli/doctor.ts"
import { ending } from "./cli/failures.ts"
import * as Hooks from "./cli/hooks/Hooks.ts"
import * as RecordCommand from "./cli/record.ts"
import * as ListCommand from "./cli/list.ts"
import * as RegistryCommand from "./cli/registry.ts"
import * as RunCommand from "./cli/run.ts"
import type { Shown } from "./cli/runs.ts"
import * as SandboxCommand from "./cli/sandbox.ts"
import * as ScriptCommand from "./cli/script.ts"
import * as SecretsCommand from "./cli/secrets.ts"
import { telemetry } from "./cli/telemetry.ts"
import { stopped } from "./cli/stopped.ts"
import type { Project } from "./config/Project.ts"
import { Diagnosis } from "./layers/Diagnosis.ts"
import { Docker } from "./layers/Docker.ts"
import { Git } from "./layers/Git.ts"
import { LocalRegistry } from "./layers/LocalRegistry.ts"
import { RegistryContainer } from "./layers/RegistryContainer.ts"
import { Secrets } from "./layers/Secrets.ts"
import { Shell } from "./layers/Shell.ts"
import { Ssh } from "./layers/Ssh.ts"
import { Events } from "./pipeline/Events.ts"
import { ExitCode, type Failure } from "./pipeline/Failure.ts"
import * as Held from "./pipeline/Held.ts"
import { Scrubber } from "./pipeline/Scrubber.ts"
import * as Platform from "./platform.ts"
import { annotations } from "./reporters/github/annotations.ts"
import { summary } from "./reporters/github/summary.ts"
import { json } from "./reporters/json.ts"
import { plain } from "./reporters/plain.ts"
import { feed, type Follower, type Screen } from "./reporters/Reporter.ts"
import { terminal } from "./reporters/terminal.ts"
import * as Recording from "./testing/Recording.ts"

const { DOCKER_CONFIG, GITHUB_ACTIONS, GITHUB_STEP_SUMMARY, NO_COLOR, TERM, XDG_DATA_HOME, XDG_STATE_HOME } =
  process.env

/** Where docker keeps its logins. */
const dockerConfig = DOCKER_CONFIG === undefined || DOCKER_CONFIG === "" ? join(homedir(), ".docker") : DOCKER_CONFIG

/** Where the local registry keeps its images. */
const store = join(
  XDG_DATA_HOME === undefined || XDG_DATA_HOME === "" ? join(homedir(), ".local/share") : XDG_DATA_HOME,
  "jiji/registry"
)

/** Where the runs of this machine are kept. */
const record = join(
  XDG_STATE_HOME === undefined || XDG_STATE_HOME === "" ? join(homedir(), ".local/state") : XDG_STATE_HOME,
  "jiji/runs.sqlite"
)

const output: Screen = {
  write: (text) => void process.stdout.write(text),
  get columns() {
    return process.stdout.columns ?? 200
  },
  get rows() {
    return process.stdout.rows ?? 24
  },
  colors: process.stdout.isTTY && (NO_COLOR === undefined || NO_COLOR === "")
}

/** Whether a picture can be drawn for a person. */
const drawn = process.stdout.isTTY && TERM !== "dumb"

/** Whether a person is at both ends. */
const interactive = process.stdin.isTTY && process.stdout.isTTY

const secrets = ({ environment, root }: Project) =>
  Secrets.layer(environment === undefined ? { root } : { root, environment })

/** With the commands that stand for secrets run on this machine. */
const liveSecrets = (project: Project) => secrets(project).pipe(Layer.provide(Shell.local))

const traces = telemetry({
  env: process.env,
  version: manifest.version,
  say: (text) => void process.stderr.write(text)
})

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
    Layer.provideMerge(liveSecrets(project))
  )

/** Reads this machine's files and git, and nothing else; everything else is only recorded. */
const dry = (project: Project) =>
  Layer.mergeAll(Diagnosis.layer, Docker.layer, secrets(project)).pipe(
    Layer.provideMerge(Recording.layer()),
    Layer.merge(Git.layer.pipe(Layer.provide(Shell.local)))
  )

const reporter = ({ json: asJson }: Shown): Follower => {
  if (asJson) {
    // A pipeline may be anybody's, and stdout is for events alone.
    Object.assign(globalThis, { console: new Console(process.stderr, process.stderr) })
    return feed(json(output))
  }
  return drawn ? terminal(output) : feed(plain(output))
}

/** What GitHub's workflows are told besides. */
const github = (shown: Shown): ReadonlyArray<Follower> => {
  if (GITHUB_ACTIONS !== "true") return []
  const file = GITHUB_STEP_SUMMARY ?? ""
  const append = (text: string) =>
    Effect.try({ try: () => appendFileSync(file, text), catch: String }).pipe(
      Effect.catch((error) => Effect.sync(() => process.stderr.write(`warning: no job summary is written: ${error}\n`)))
    )
  return [
    ...(shown.json || drawn ? [] : [feed(annotations(output))]),
    ...(file === "" ? [] : [summary((text) => Effect.asVoid(append(text)))])
  ]
}

/** Of what is no reason for a run to fail. */
const warn = ({ message, remedy }: Failure) => void process.stderr.write(`warning: ${message}\n  → ${remedy}\n`)

const followers = (project: Project, shown: Shown) => [
  reporter(shown),
  ...github(shown),
  RecordCommand.follower(record, project, warn),
  ...traces.followers(project)
]

const hooks = (project: Project) => {
  const { hooks = [] } = project
  const layer = Layer.mergeAll(Shell.local, liveSecrets(project))
  return hooks.length === 0 ? Effect.succeed(undefined) : Hooks.prepare(project, hooks).pipe(Effect.provide(layer))
}

/** What the files of pipelines import. Named so that a bundler does not see it: all of it would double the time of a start. */
const modules = async () => {
  const { modules }: typeof import("./modules.ts") = await import(["./modules", "ts"].join("."))
  return modules
}

const root = Command.make(
  "jiji",
  { version: Flag.Boolean("version").pipe(Flag.withDescription("Print the version"), Flag.withDefault(false)) },
  ({ version }) =>
    version
      ? Effect.sync(() => output.write(`${manifest.version}\n`))
      : Effect.fail(new CliError.ShowHelp({ commandPath: ["jiji"], errors: [] }))
).pipe(
  Command.withDescription("Ships a project's containers to its own servers over SSH"),
  Command.withSubcommands([
    DeployCommand.command({ live, dry, followers, hooks, write: output.write }),
    DoctorCommand.command({ live, dry, output, watched: drawn }),
    RegistryCommand.command({ live, dry, followers, hooks, write: output.write, output, interactive, dockerConfig }),
    RecordCommand.command({ file: record, output }),
    ListCommand.command({ write: output.write, modules }),
    RunCommand.command({ live, dry, followers, hooks, write: output.write, version: manifest.version, modules }),
    SandboxCommand.command(output.write),
    SecretsCommand.command({ secrets: liveSecrets, output, interactive }),
    ScriptCommand.command(output.write)
  ])
)

// Outside of its layer, for what is said of a run that has ended.
const scrubber = Scrubber.make()

/** Help where it was asked for; of a command that is not understood, only what `ending` says of it. */
const help = CliOutput.layerPresenter({
  present: (event) => (event._tag === "InvalidInvocation" ? Effect.void : CliOutput.defaultPresenter.present(event))
})

const words = RunCommand.wordsOf(process.argv.slice(2))

const program = Command.runWith(root, { version: manifest.version })(words).pipe(
  Effect.provide(
    Layer.mergeAll(
      CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Completions] }),
      Git.layer.pipe(Layer.provide(Shell.local)),
      help
    ).pipe(
      Layer.provideMerge(Layer.provideMerge(Events.layer, Layer.succeed(Scrubber, scrubber))),
      Layer.provideMerge(Platform.layer)
    )
  )
)

const held = Held.make()
const fiber = Effect.runFork(Effect.provideService(program, Held.Held, held))

let stopping = false
const stop = () => {
  if (stopping) {
    process.stderr.write(stopped(held.names()))
    process.exit(ExitCode.interrupted)
  }
  stopping = true
  fiber.interruptUnsafe()
}
process.on("SIGINT", stop).on("SIGTERM", stop).on("SIGHUP", stop)
// Whoever reads the output may go away at any time; the run goes on.
process.stdout.on("error", () => {})
process.stderr.on("error", () => {})

// No top-level await: the bundle's bytecode does not know it.
fiber.addObserver((exit) => {
  const { code, text } = Exit.isSuccess(exit) ? { code: ExitCode.done, text: "" } : ending(exit.cause)
  // What was written to a pipe is still on its way, for as long as its reader takes.
  process.stdout.end(() => process.stderr.end(scrubber.text(text), () => process.exit(code)))
})

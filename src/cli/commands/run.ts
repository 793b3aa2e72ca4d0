import { Effect, Option, Result, Schema } from "effect"
import { Argument, CliError, Command } from "effect/cli"
import { defineError } from "../../core/defineError.ts"
import type { Pipeline } from "../../pipeline/Pipeline.ts"
import type { RunInput, Used } from "../../steps/Runnable.ts"
import { runFlags, runOnProject } from "../projectCommand.ts"
import { findPipeline } from "../pipelines/find.ts"
import { flagsOf } from "../pipelines/flags.ts"
import { loadPipeline, type LoadedPipeline } from "../pipelines/load.ts"
import { type Modules, provideModules } from "../pipelines/modules.ts"
import type { RunLayers } from "../RunLayers.ts"
import { divert } from "../process/stdout.ts"
import { printable } from "../../core/text.ts"

/** `jiji run` did not get the name of a pipeline as its first argument. */
export class NoPipelineNamed extends defineError<NoPipelineNamed>()("NoPipelineNamed", {
  fields: {},
  message: "The first argument of `jiji run` must be the name of a pipeline.",
  remedy: "Put the name before any flag: `jiji run FILE [--flag value …]`. `jiji list` shows the project's pipelines.",
  exitCode: "usage",
  sample: {}
}) {}

/** What `jiji run` takes from the outside beside what every run does: what its files can import. */
export interface RunCommandLayers<R> extends RunLayers<R> {
  readonly version: string
  readonly modules: () => Promise<Modules>
}

type Read = Result.Result<Option.Option<unknown>, CliError.CliError>

const decode = Effect.fnUntraced(function* ({ file, flags }: LoadedPipeline, read: Readonly<Record<string, Read>>) {
  const errors = Object.values(read).flatMap((one) => {
    if (Result.isSuccess(one)) return []
    return one.failure._tag === "ShowHelp" ? one.failure.errors : [one.failure]
  })
  if (errors.length > 0) return yield* new CliError.ShowHelp({ commandPath: ["run", file.name], errors })
  const encoded = Object.entries(read).flatMap(([key, one]) =>
    Result.isSuccess(one) && Option.isSome(one.success) ? [[key, one.success.value] as const] : []
  )
  return yield* Effect.mapError(
    Schema.decodeUnknownEffect(flags, { errors: "all" })(Object.fromEntries(encoded)),
    // Each by itself was right, so this is about several of them.
    ({ message }) => new CliError.ValidationError({ message })
  )
})

/** The command that a pipeline's file makes: with the flags of a deploy, and those that its own schema describes. */
const commandOf = Effect.fnUntraced(function* <R>(layers: RunLayers<R>, loaded: LoadedPipeline) {
  const { description, file } = loaded
  // Runnable.make has checked that the pipeline needs no more than what its flags are decoded to.
  const pipeline = loaded.pipeline as Pipeline<RunInput & object, unknown, unknown, Used>
  const command = Command.make(
    `jiji run ${file.name}`,
    { own: yield* flagsOf(loaded), run: runFlags },
    ({ own, run }) =>
      Effect.flatMap(decode(loaded, own), (more) =>
        runOnProject(layers, pipeline, run, more, (project) => `running ${file.name} for ${project} on`)
      )
  )
  return description === "" ? command : Command.withDescription(command, printable(description))
})

/**
 * `jiji run`. What follows the pipeline's name is understood by a command of its own, when its file has been read:
 * {@link wordsOf} keeps it together until then.
 */
export const command = <R>(layers: RunCommandLayers<R>) =>
  Command.make(
    "run",
    {
      pipeline: Argument.String("pipeline").pipe(
        Argument.withDescription("A file that exports a pipeline, or the name of one under .jiji/pipelines"),
        Argument.optional
      ),
      words: Argument.String("flags").pipe(
        Argument.withDescription("Its flags: `jiji run PIPELINE --help` lists them"),
        Argument.variadic()
      )
    },
    Effect.fnUntraced(function* ({ pipeline, words }) {
      if (Option.isNone(pipeline)) return yield* new NoPipelineNamed()
      const file = yield* findPipeline(process.cwd(), pipeline.value)
      divert()
      yield* provideModules(layers.modules)
      const made = yield* commandOf(layers, yield* loadPipeline(file))
      return yield* Effect.mapError(Command.runWith(made, { version: layers.version })(words), (error) =>
        error instanceof CliError.ShowHelp
          ? new CliError.ShowHelp({ commandPath: ["run", file.name], errors: error.errors })
          : error
      )
    })
  ).pipe(
    Command.withDescription("Run a pipeline of your own"),
    Command.withExamples([
      { command: "jiji run canary --dry-run", description: "Rehearse .jiji/pipelines/canary.ts" },
      { command: "jiji run ./pipelines/canary.ts --help", description: "See which flags it takes" }
    ])
  )

const asksForHelp = (word: string) => word === "-h" || word === "--help" || word.startsWith("--completions")

/** The words of a command line, with those behind a pipeline's name put behind `--`. Flags before it are nobody's. */
export const wordsOf = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [command, name = "", ...rest] = words
  if (command !== "run" || name === "" || asksForHelp(name)) return words
  return name.startsWith("-") ? [command] : [command, name, "--", ...rest]
}

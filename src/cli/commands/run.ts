import { Effect, Option, Result, Schema } from "effect"
import { Argument, CliError, Command, Flag } from "effect/cli"
import { defineError } from "../../core/defineError.ts"
import { UseStepCache } from "../../core/StepCache.ts"
import { origin } from "../../pipeline/origin.ts"
import type { Pipeline } from "../../pipeline/Pipeline.ts"
import type { RunInput, PipelineServices } from "../../steps/Runnable.ts"
import { ConflictingFlags } from "../ConflictingFlags.ts"
import { noCacheFlag, optionalProperty, waitFlag } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { runFlags, runOnProject } from "../projectCommand.ts"
import { findPipeline } from "../pipelines/find.ts"
import { pipelineFlags } from "../pipelines/flags.ts"
import { loadPipeline, type LoadedPipeline } from "../pipelines/load.ts"
import { registerModules } from "../pipelines/modules.ts"
import { reserveStdout } from "../process/stdout.ts"
import { resumeRun } from "../resumeRun.ts"
import { printable } from "../../core/text.ts"

/** `jiji run` did not get the name of a pipeline as its first argument. */
export class NoPipelineNamed extends defineError<NoPipelineNamed>()("NoPipelineNamed", {
  fields: {},
  message: "The first argument of `jiji run` must be the name of a pipeline.",
  remedy: "Put the name before any flag: `jiji run PIPELINE [flags]`. `jiji list` shows the project's pipelines.",
  exitCode: "usage",
  sample: {}
}) {}

/** What a dry run of somebody's own code can promise. */
const dryRunNote = [
  "jiji runs no command, opens no connection and calls no event handlers. IDs, digests and addresses are placeholders.",
  "The steps' own code does run: what it does other than through jiji really happens."
]

type ParsedFlag = Result.Result<Option.Option<unknown>, CliError.CliError>

/** Decodes the parsed flags to what the pipeline takes. Fails with the errors of all flags at once. */
const decode = Effect.fnUntraced(function* (
  { file, flags }: LoadedPipeline,
  parsed: Readonly<Record<string, ParsedFlag>>
) {
  const errors = Object.values(parsed).flatMap((one) => {
    if (Result.isSuccess(one)) return []
    return one.failure._tag === "ShowHelp" ? one.failure.errors : [one.failure]
  })
  if (errors.length > 0) return yield* new CliError.ShowHelp({ commandPath: ["run", file.name], errors })
  const encoded = Object.entries(parsed).flatMap(([key, one]) =>
    Result.isSuccess(one) && Option.isSome(one.success) ? [[key, one.success.value] as const] : []
  )
  return yield* Effect.mapError(
    Schema.decodeUnknownEffect(flags, { errors: "all" })(Object.fromEntries(encoded)),
    // Each flag is valid by itself, so this error is about several of them.
    ({ message }) => new CliError.ValidationError({ message })
  )
})

const resumeFlag = Flag.Boolean("resume").pipe(
  Flag.withDescription("Go on with the last run of this pipeline that did not succeed, as it was started"),
  Flag.withDefault(false)
)

/** Goes on with the last run of a pipeline. It has the flags with which it was started. */
const resumeLast = Effect.fnUntraced(function* (name: string, words: ReadonlyArray<string>, json: boolean) {
  const other = words.find((word) => word !== "--resume" && word !== "--json")
  if (other !== undefined) return yield* new ConflictingFlags({ flags: ["--resume", other] })
  const { name: project } = yield* loadProject({})
  const isWanted = ({ words: [command, pipeline] }: { readonly words: ReadonlyArray<string> }) =>
    command === "run" && pipeline === name
  yield* resumeRun({ project, pipeline: name, isWanted }, { ignoreChanges: false, json })
})

type RunFlags = Command.Command.Config.Infer<typeof runFlags>

/** What the words after a pipeline's name mean. */
type PipelineWords =
  | {
      readonly _tag: "Start"
      /** The flags of `jiji run` itself. */
      readonly run: RunFlags
      /** What the pipeline needs beyond a {@link RunInput}. */
      readonly extraInput: object
      readonly useCache: boolean
    }
  | { readonly _tag: "Resume"; readonly run: RunFlags }

/** A command with the flags of `jiji deploy`, and those that a loaded pipeline's schema describes. `use` gets their values. */
const commandFor = Effect.fnUntraced(function* <A, E, R>(
  loaded: LoadedPipeline,
  use: (words: PipelineWords) => Effect.Effect<A, E, R>
) {
  const { description, file } = loaded
  const extra = yield* pipelineFlags(loaded)
  // Pipelines had flags of this name before jiji did.
  const wait = "wait" in extra ? {} : { wait: waitFlag }
  const resume = "resume" in extra ? {} : { resume: resumeFlag }
  // Also if its flag is `cache`: that can be negated.
  const hasCacheFlag = Object.keys(extra).some((key) => /^(?:no[-_]?)?cache$/i.test(key))
  const noCache = hasCacheFlag ? {} : { noCache: noCacheFlag }
  const command = Command.make(
    `jiji run ${file.name}`,
    { run: runFlags, wait, resume, noCache, extra },
    Effect.fnUntraced(function* ({
      extra,
      noCache: { noCache = false },
      resume: { resume = false },
      run,
      wait: { wait = Option.none() }
    }) {
      if (resume) return yield* use({ _tag: "Resume", run })
      const extraInput = { ...optionalProperty("waitForLock", wait), ...(yield* decode(loaded, extra)) }
      return yield* use({ _tag: "Start", run, extraInput, useCache: !noCache })
    })
  )
  return description === "" ? command : Command.withDescription(command, printable(description))
})

/** Reads the words after a pipeline's name, and passes on what they mean. */
export const parsePipelineWords = Effect.fnUntraced(function* <A, E, R>(
  loaded: LoadedPipeline,
  words: ReadonlyArray<string>,
  use: (words: PipelineWords) => Effect.Effect<A, E, R>
) {
  const command = yield* commandFor(loaded, use)
  return yield* Effect.mapError(Command.runWith(command, { version: origin.version })(words), (error) =>
    error instanceof CliError.ShowHelp
      ? new CliError.ShowHelp({ commandPath: ["run", loaded.file.name], errors: error.errors })
      : error
  )
})

/**
 * `jiji run`. The words after the pipeline's name are parsed by a second command, once the file has been loaded and its
 * flags are known. {@link separatePipelineFlags} keeps this command from parsing them.
 */
export const command = Command.make(
  "run",
  {
    pipeline: Argument.String("pipeline").pipe(
      Argument.withDescription("Pipeline file, or the name of a pipeline in .jiji/pipelines"),
      Argument.optional
    ),
    words: Argument.String("flags").pipe(
      Argument.withDescription("Flags of the pipeline; `jiji run PIPELINE --help` lists them"),
      Argument.variadic()
    )
  },
  Effect.fnUntraced(function* ({ pipeline, words }) {
    if (Option.isNone(pipeline)) return yield* new NoPipelineNamed()
    const file = yield* findPipeline(process.cwd(), pipeline.value)
    reserveStdout()
    yield* registerModules
    const loaded = yield* loadPipeline(file)
    // Runnable.make checks that the pipeline needs no more input than its decoded flags.
    const runnable = loaded.pipeline as Pipeline<RunInput & object, unknown, unknown, PipelineServices>
    return yield* parsePipelineWords(loaded, words, (parsed) =>
      parsed._tag === "Resume"
        ? resumeLast(file.name, words, parsed.run.json)
        : runOnProject(
            runnable,
            parsed.run,
            parsed.extraInput,
            (project) => `run ${file.name} for ${project} on`,
            dryRunNote
          ).pipe(Effect.provideService(UseStepCache, parsed.useCache))
    )
  })
).pipe(
  Command.withDescription("Run your own pipeline"),
  Command.withExamples([
    { command: "jiji run canary --dry-run", description: "Print what .jiji/pipelines/canary.ts would run" },
    { command: "jiji run ./pipelines/canary.ts --help", description: "List the flags of a pipeline" }
  ])
)

const asksForHelp = (word: string) => word === "-h" || word === "--help" || word.startsWith("--completions")

/** Puts `--` between a pipeline's name and its flags. Drops flags before the name, so that the name is reported missing. */
export const separatePipelineFlags = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [command, name = "", ...rest] = words
  if (command !== "run" || name === "" || asksForHelp(name)) return words
  return name.startsWith("-") ? [command] : [command, name, "--", ...rest]
}

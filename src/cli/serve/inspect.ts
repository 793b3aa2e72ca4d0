import { Effect, Option, Result, Schema } from "effect"
import { CliError } from "effect/cli"
import { join } from "node:path"
import type { Answer, PipelineInfo, Question } from "../../serve/protocol.ts"
import { parsePipelineWords } from "../commands/run.ts"
import { findPipeline, listProjectPipelines } from "../pipelines/find.ts"
import { kebab } from "../pipelines/flags.ts"
import { loadPipeline, type LoadedPipeline } from "../pipelines/load.ts"

const ownSource = join(import.meta.dir, "../..")

/** The files that this process has loaded of its project, and not of packages or of jiji. */
const loadedFiles = (): ReadonlyArray<string> =>
  Object.keys(require.cache).filter(
    (file) =>
      file.startsWith("/") &&
      !file.includes("/node_modules/") &&
      !file.startsWith(ownSource) &&
      !file.startsWith("/$bunfs/")
  )

const messageOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "message" in error ? String(error.message) : String(error)

/** An input, decoded before, as the flags of `jiji run`. */
const inputWords = (input: Readonly<Record<string, unknown>>): ReadonlyArray<string> =>
  Object.entries(input).flatMap(([key, value]) => {
    const name = kebab(key)
    if (value === undefined || value === null) return []
    if (typeof value === "boolean") return [value ? `--${name}` : `--no-${name}`]
    // With "=", a value can start with "-".
    return (Array.isArray(value) ? value : [value]).map((each) => `--${name}=${String(each)}`)
  })

const describe = (loaded: LoadedPipeline): PipelineInfo => {
  const schema = Result.try(() => Schema.toJsonSchemaDocument(loaded.flags).schema)
  const { description, file } = loaded
  // A schema of the author's own may have no JSON Schema.
  return { name: file.name, description, ...(Result.isSuccess(schema) && { input: schema.success }) }
}

const listPipelines = Effect.fnUntraced(function* (folder: string) {
  return yield* Effect.forEach(yield* listProjectPipelines(folder), (file) =>
    loadPipeline(file).pipe(
      Effect.map(describe),
      Effect.catch((error) => Effect.succeed({ name: file.name, description: "", problem: messageOf(error) }))
    )
  )
})

/** The words that run a pipeline; fails with the reasons if it does not take the input or the flags. */
const checkPipeline = Effect.fnUntraced(function* (
  folder: string,
  { flags, input, name }: Extract<Question, { readonly _tag: "CheckPipeline" }>
) {
  const loaded = yield* Effect.mapError(
    Effect.flatMap(findPipeline(folder, name), loadPipeline),
    (error): ReadonlyArray<string> => [messageOf(error)]
  )
  // A command has everything in its flags, which are read below.
  if (Object.keys(input).length > 0 || flags.length === 0) {
    yield* Effect.mapError(
      Schema.decodeEffect(loaded.flags, { errors: "all", onExcessProperty: "error" })(input),
      ({ message }): ReadonlyArray<string> => [message]
    )
  }
  const words = [...inputWords(input), ...flags]
  yield* parsePipelineWords(loaded, words, ({ _tag, run }) => {
    if (_tag === "Resume") return Effect.fail("--resume cannot be used here")
    return Option.isSome(run.config) ? Effect.fail("--config cannot be used here") : Effect.void
  }).pipe(
    Effect.mapError((error): ReadonlyArray<string> =>
      error instanceof CliError.ShowHelp ? error.errors.map(messageOf) : [messageOf(error)]
    )
  )
  return ["run", name, ...words]
})

/** Answers a question about the pipelines of a project. Runs the code of their files, but none of their steps. */
export const answer = Effect.fnUntraced(function* (folder: string, question: Question) {
  const { id } = question
  if (question._tag === "ListPipelines") {
    const pipelines = yield* listPipelines(folder)
    return { _tag: "Pipelines", id, pipelines, files: loadedFiles() } satisfies Answer
  }
  const checked = yield* Effect.result(checkPipeline(folder, question))
  return Result.isSuccess(checked)
    ? ({ _tag: "Accepted", id, words: checked.success, files: loadedFiles() } satisfies Answer)
    : ({ _tag: "Refused", id, reasons: checked.failure, files: loadedFiles() } satisfies Answer)
})

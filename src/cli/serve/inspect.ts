import { Duration, Effect, Option, Result, Schema } from "effect"
import { CliError } from "effect/cli"
import { join } from "node:path"
import { joinWords } from "../../core/text.ts"
import type { PipelineNode } from "../../pipeline/Node.ts"
import { signalSchemas } from "../../pipeline/signalSchemas.ts"
import { inputWords } from "../../serve/inputWords.ts"
import { RunPolicy } from "../../serve/policy.ts"
import type { Answer, PipelineInfo, Question } from "../../serve/protocol.ts"
import { parsePipelineWords } from "../commands/run.ts"
import { isPipelinePath, listProjectPipelines } from "../pipelines/find.ts"
import { loadPipeline, type LoadedPipeline } from "../pipelines/load.ts"
import { printingFlags } from "./checkCommand.ts"
import { oneLineMessage } from "./oneLineMessage.ts"

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

const describe = (loaded: LoadedPipeline): PipelineInfo => {
  const schema = Result.try(() => Schema.toJsonSchemaDocument(loaded.flags).schema)
  const { description, file, triggers } = loaded
  // A schema of the author's own may have no JSON Schema.
  return {
    name: file.name,
    description,
    ...(Result.isSuccess(schema) && { input: schema.success }),
    ...(triggers.length > 0 && { triggers })
  }
}

const listPipelines = Effect.fnUntraced(function* (folder: string) {
  return yield* Effect.forEach(yield* listProjectPipelines(folder), (file) =>
    loadPipeline(file).pipe(
      Effect.map(describe),
      Effect.catch((error) => Effect.succeed({ name: file.name, description: "", problem: messageOf(error) }))
    )
  )
})

/**
 * Loads a pipeline of the project by its name. `jiji run` also takes a path, but a request must not: it could run any file of
 * this machine.
 */
const loadNamed = Effect.fnUntraced(function* (folder: string, name: string) {
  const known = isPipelinePath(name) ? [] : yield* listProjectPipelines(folder)
  const file = known.find((each) => each.name === name)
  if (file === undefined) {
    const reasons: ReadonlyArray<string> = ["there is no pipeline of this name in .jiji/pipelines"]
    return yield* Effect.fail(reasons)
  }
  return yield* Effect.mapError(loadPipeline(file), (error): ReadonlyArray<string> => [messageOf(error)])
})

const decodePolicy = Schema.decodeUnknownEffect(RunPolicy, { errors: "all" })

/** How `jiji serve` runs a pipeline with an input. Fails with the reasons if what its file says makes no sense. */
const policyFor = Effect.fnUntraced(function* ({ serving }: LoadedPipeline, input: object) {
  const { concurrency, retries, timeLimit } = serving
  const key = concurrency?.key
  const called = yield* Effect.try({
    // The flags that it was made for.
    try: () => (typeof key === "function" ? key(input as never) : key),
    catch: (error): ReadonlyArray<string> => [`its concurrency.key fails: ${messageOf(error)}`]
  })
  const policy = {
    ...(called !== undefined && { key: called }),
    ...(concurrency?.whenBusy !== undefined && { whenBusy: concurrency.whenBusy }),
    ...(timeLimit !== undefined && { timeLimit: Duration.toMillis(timeLimit) }),
    ...(retries !== undefined && { retries: { times: retries.times, delay: Duration.toMillis(retries.delay) } })
  }
  return yield* Effect.mapError(decodePolicy(policy), ({ message }): ReadonlyArray<string> => [message])
})

/** The words that run a pipeline, and how it runs; fails with the reasons if it does not take the input or the flags. */
const checkPipeline = Effect.fnUntraced(function* (
  folder: string,
  { flags, input, name }: Extract<Question, { readonly _tag: "CheckPipeline" }>
) {
  const loaded = yield* loadNamed(folder, name)
  const printing = printingFlags(flags)
  if (printing !== undefined) return yield* Effect.fail<ReadonlyArray<string>>([printing])
  // A command has everything in its flags, which are read below.
  if (Object.keys(input).length > 0 || flags.length === 0) {
    yield* Effect.mapError(
      Schema.decodeEffect(loaded.flags, { errors: "all", onExcessProperty: "error" })(input),
      ({ message }): ReadonlyArray<string> => [message]
    )
  }
  const words = [...inputWords(input), ...flags]
  let decoded: object = {}
  yield* parsePipelineWords(loaded, words, (parsed) => {
    if (parsed._tag === "Resume") return Effect.fail("--resume cannot be used here")
    decoded = parsed.extraInput
    return Option.isSome(parsed.run.config) ? Effect.fail("--config cannot be used here") : Effect.void
  }).pipe(
    Effect.mapError((error): ReadonlyArray<string> =>
      (error instanceof CliError.ShowHelp ? error.errors.map(messageOf) : [messageOf(error)]).map(oneLineMessage)
    )
  )
  return { words: ["run", name, ...words], policy: yield* policyFor(loaded, decoded) }
})

/** Fails with the reasons if no step of a pipeline waits for such a signal. */
const checkSignal = Effect.fnUntraced(function* (
  folder: string,
  { name, signal, value }: Extract<Question, { readonly _tag: "CheckSignal" }>
) {
  const loaded = yield* loadNamed(folder, name)
  // At run time a pipeline is a node.
  const { isDynamic, schemas } = signalSchemas(loaded.pipeline as PipelineNode)
  const wanted = schemas.get(signal)
  // The run itself decodes the value, too.
  if (wanted === undefined && isDynamic) return
  if (wanted === undefined) {
    const known = [...schemas.keys()]
    return yield* Effect.fail([
      known.length === 0
        ? `no step of ${name} waits for a signal`
        : `no step of ${name} waits for ${signal}, but for ${joinWords(known, "and")}`
    ])
  }
  const decoded = wanted.map((schema) => Schema.decodeUnknownResult(schema)(value))
  if (decoded.some(Result.isSuccess)) return
  return yield* Effect.fail(
    decoded.flatMap((result) => (Result.isFailure(result) ? [result.failure.message.replaceAll(/\s*\n\s*/g, " ")] : []))
  )
})

/** Answers a question about the pipelines of a project. Runs the code of their files, but none of their steps. */
export const answer = Effect.fnUntraced(function* (folder: string, question: Question) {
  const { id } = question
  if (question._tag === "ListPipelines") {
    const pipelines = yield* listPipelines(folder)
    return { _tag: "Pipelines", id, pipelines, files: loadedFiles() } satisfies Answer
  }
  const checked = yield* Effect.result(
    question._tag === "CheckSignal"
      ? Effect.as(checkSignal(folder, question), { words: [], policy: {} })
      : checkPipeline(folder, question)
  )
  return Result.isSuccess(checked)
    ? ({ _tag: "Accepted", id, ...checked.success, files: loadedFiles() } satisfies Answer)
    : ({ _tag: "Refused", id, reasons: checked.failure, files: loadedFiles() } satisfies Answer)
})

import { Effect, FileSystem, Path, Result, Schema } from "effect"
import type { Trigger } from "../../config/Trigger.ts"
import { origin } from "../../pipeline/origin.ts"
import type { Runnable, PipelineServices } from "../../steps/Runnable.ts"
import type { Pipeline } from "../../pipeline/Pipeline.ts"
import { failWithImportError, toPipelineThrew } from "./faults.ts"
import type { PipelineFile } from "./find.ts"
import { guardedImport, importTimeoutSeconds } from "./guardedImport.ts"
import { namedTriggers } from "./triggers.ts"
import { NoPipeline, PipelineOfAnotherCopy, PipelineStuck, PipelineThrew } from "./PipelineFileError.ts"

type AnyPipeline = Pipeline<never, unknown, unknown, PipelineServices>

/** What `jiji run` gets from a pipeline file. */
export interface LoadedPipeline {
  readonly file: PipelineFile
  readonly pipeline: AnyPipeline
  readonly flags: Runnable["flags"]
  readonly description: string
  /** How `jiji serve` runs it. */
  readonly serving: Pick<Runnable, "concurrency" | "timeLimit" | "retries">
  /** What starts it in `jiji serve`. */
  readonly triggers: ReadonlyArray<Trigger>
}

const asRecord = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined

const isPipeline = (value: unknown): value is AnyPipeline => asRecord(value)?.["_tag"] === "Pipeline"
const isRunnable = (value: unknown): value is Runnable => asRecord(value)?.["_tag"] === "Runnable"

/** A value, as an error message calls it. */
const describeValue = (value: unknown): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "a list"
  if (Effect.isEffect(value)) return "an Effect"
  if (Schema.isSchema(value)) return "a Schema"
  const tag = asRecord(value)?.["_tag"]
  if (tag === "Step") return "a step"
  if (value === undefined) return "undefined"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

/** The version of jiji in the nearest node_modules, if it is installed there. */
const installedVersion = Effect.fnUntraced(function* (file: string) {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, "node_modules/jiji/package.json")
    const text = yield* Effect.orElseSucceed(fs.readFileString(manifest), () => "")
    const version = /"version":\s*"([^"]+)"/.exec(text)?.[1]
    if (version !== undefined) return version
    if (folder === path.dirname(folder)) return undefined
  }
})

const checkCopy = Effect.fnUntraced(function* (file: PipelineFile, value: AnyPipeline | Runnable) {
  // Another version of jiji may have another shape.
  const theirs: unknown = asRecord(value["~origin"])?.["version"]
  if (value["~origin"] === origin) return
  return yield* new PipelineOfAnotherCopy({
    file: file.displayPath,
    theirs: typeof theirs === "string" ? theirs : "of an unknown version",
    ours: origin.version
  })
})

/** Unwraps a pipeline that was changed by path. Fails if a path did not exist. */
const unwrapEdit = Effect.fnUntraced(function* (file: PipelineFile, value: unknown) {
  if (!Result.isResult(value)) return value
  return Result.isSuccess(value) ? value.success : yield* toPipelineThrew(file, value.failure)
})

/**
 * Imports a pipeline file and returns its default export: a pipeline, or the result of `Runnable.make`. Runs no step. The
 * modules that the file imports must be registered already.
 */
export const loadPipeline = Effect.fnUntraced(function* (file: PipelineFile) {
  const theirs = yield* installedVersion(file.path)
  if (theirs !== undefined && theirs !== origin.version) {
    return yield* new PipelineOfAnotherCopy({ file: file.displayPath, theirs, ours: origin.version })
  }
  const module = yield* guardedImport(
    file,
    Effect.tryPromise({
      try: (): Promise<Readonly<Record<string, unknown>>> => import(file.path),
      catch: (error) => ({ error })
    }).pipe(
      Effect.catch(({ error }) => failWithImportError(file, error)),
      Effect.timeoutOrElse({
        duration: `${importTimeoutSeconds} seconds`,
        orElse: () => Effect.fail(new PipelineStuck({ file: file.displayPath, seconds: importTimeoutSeconds }))
      })
    )
  )
  const exported = yield* unwrapEdit(file, module["default"])
  if (isRunnable(exported)) {
    yield* checkCopy(file, exported)
    const pipeline = yield* unwrapEdit(file, exported.pipeline)
    if (isPipeline(pipeline)) {
      yield* checkCopy(file, pipeline)
      // The file may not have been type-checked.
      const description = typeof exported.description === "string" ? exported.description : ""
      const triggers = namedTriggers(file.name, exported.on)
      if (typeof triggers === "string") {
        const fault = { file: file.displayPath, line: 0, text: triggers }
        return yield* new PipelineThrew({ fault, advice: "Correct `on` of Runnable.make." })
      }
      const { concurrency, flags, retries, timeLimit } = exported
      const serving = {
        ...(concurrency !== undefined && { concurrency }),
        ...(timeLimit !== undefined && { timeLimit }),
        ...(retries !== undefined && { retries })
      }
      return { file, pipeline, flags, description, serving, triggers } satisfies LoadedPipeline
    }
  }
  if (isPipeline(exported)) {
    yield* checkCopy(file, exported)
    return {
      file,
      pipeline: exported,
      flags: Schema.Struct({}),
      description: "",
      serving: {},
      triggers: []
    } satisfies LoadedPipeline
  }
  return yield* new NoPipeline({
    file: file.displayPath,
    ...("default" in module ? { found: describeValue(exported) } : {}),
    others: Object.entries(module)
      .filter(([, value]) => isPipeline(value) || isRunnable(value))
      .map(([name, value]) => ({ name, isRunnable: isRunnable(value) }))
  })
})

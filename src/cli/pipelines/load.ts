import { Effect, FileSystem, Path, Result, Schema } from "effect"
import { origin } from "../../pipeline/origin.ts"
import type { Runnable, PipelineServices } from "../../steps/Runnable.ts"
import type { Pipeline } from "../../pipeline/Pipeline.ts"
import { explained, threw } from "./faults.ts"
import type { PipelineFile } from "./find.ts"
import { guarded, patience } from "./guardedImport.ts"
import { NoPipeline, PipelineOfAnotherCopy, PipelineStuck } from "./PipelineFileError.ts"

type AnyPipeline = Pipeline<never, unknown, unknown, PipelineServices>

/** What a pipeline's file gives to `jiji run`. */
export interface LoadedPipeline {
  readonly file: PipelineFile
  readonly pipeline: AnyPipeline
  readonly flags: Runnable["flags"]
  readonly description: string
}

const record = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined

const isPipeline = (value: unknown): value is AnyPipeline => record(value)?.["_tag"] === "Pipeline"
const isRunnable = (value: unknown): value is Runnable => record(value)?.["_tag"] === "Runnable"

/** What a person calls a value. */
const kind = (value: unknown): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "a list"
  if (Effect.isEffect(value)) return "an Effect"
  if (Schema.isSchema(value)) return "a Schema"
  const tag = record(value)?.["_tag"]
  if (tag === "Step") return "a step"
  if (value === undefined) return "undefined"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

/** The version of the jiji that a file finds in a node_modules, where it finds one. */
const installed = Effect.fnUntraced(function* (file: string) {
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

const ofThisCopy = Effect.fnUntraced(function* (file: PipelineFile, value: AnyPipeline | Runnable) {
  // Another copy's may be of any shape.
  const theirs: unknown = record(value["~origin"])?.["version"]
  if (value["~origin"] === origin) return
  return yield* new PipelineOfAnotherCopy({
    file: file.shown,
    theirs: typeof theirs === "string" ? theirs : "of an unknown version",
    ours: origin.version
  })
})

/** The pipeline itself, where it was changed by its paths and these were there. */
const unchanged = Effect.fnUntraced(function* (file: PipelineFile, value: unknown) {
  if (!Result.isResult(value)) return value
  return Result.isSuccess(value) ? value.success : yield* threw(file, value.failure)
})

/**
 * Imports a pipeline's file, and takes its default export: a pipeline, or what `Runnable.make` makes of one. Nothing of
 * it runs. The modules that it may import are to be there.
 */
export const loadPipeline = Effect.fnUntraced(function* (file: PipelineFile) {
  const theirs = yield* installed(file.path)
  if (theirs !== undefined && theirs !== origin.version) {
    return yield* new PipelineOfAnotherCopy({ file: file.shown, theirs, ours: origin.version })
  }
  const module = yield* guarded(
    file,
    Effect.tryPromise({
      try: (): Promise<Readonly<Record<string, unknown>>> => import(file.path),
      catch: (error) => ({ error })
    }).pipe(
      Effect.catch(({ error }) => explained(file, error)),
      Effect.timeoutOrElse({
        duration: `${patience} seconds`,
        orElse: () => Effect.fail(new PipelineStuck({ file: file.shown, seconds: patience }))
      })
    )
  )
  const exported = yield* unchanged(file, module["default"])
  if (isRunnable(exported)) {
    yield* ofThisCopy(file, exported)
    const pipeline = yield* unchanged(file, exported.pipeline)
    if (isPipeline(pipeline)) {
      yield* ofThisCopy(file, pipeline)
      // No compiler may have looked at the file.
      const description = typeof exported.description === "string" ? exported.description : ""
      return { file, pipeline, flags: exported.flags, description } satisfies LoadedPipeline
    }
  }
  if (isPipeline(exported)) {
    yield* ofThisCopy(file, exported)
    return { file, pipeline: exported, flags: Schema.Struct({}), description: "" } satisfies LoadedPipeline
  }
  return yield* new NoPipeline({
    file: file.shown,
    ...("default" in module ? { found: kind(exported) } : {}),
    others: Object.keys(module).filter((name) => isPipeline(module[name]) || isRunnable(module[name]))
  })
})

import { Effect, FileSystem, Path, Result } from "effect"
import { isFailure } from "../../core/Failure.ts"
import { messageOf } from "../../core/errorText.ts"
import { type PipelineFile, toDisplayPath } from "./find.ts"
import { type Fault, PipelineNotCompiled, PipelineThrew } from "./PipelineFileError.ts"

/** The error that Bun throws for a file that it cannot parse, or an import that it cannot resolve. */
interface BunMessage {
  readonly name: string
  readonly message: string
  readonly position: { readonly file: string; readonly line: number } | null
  readonly referrer?: string
  readonly specifier?: string
}

const isBunMessage = (error: unknown): error is BunMessage =>
  error instanceof Object && "name" in error && (error.name === "BuildMessage" || error.name === "ResolveMessage")

/** The first line of a file that matches a pattern; 0 if none does. */
const lineOf = Effect.fnUntraced(function* (file: string, pattern: RegExp) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.orElseSucceed(fs.readFileString(file), () => "")
  return text.split("\n").findIndex((line) => pattern.test(line)) + 1
})

/** An error of Bun, with its location in the pipeline file or in a file that it imports. */
const toFault = Effect.fnUntraced(function* (pipeline: PipelineFile, error: BunMessage) {
  const path = yield* Path.Path
  const named = error.position?.file ?? ""
  // A text that is parsed without its file is called "input.ts".
  const file = path.isAbsolute(named) ? named : error.referrer || pipeline.path
  // For an import that cannot be resolved, Bun names the importing file but not the line.
  const quoted = new RegExp(`["'\`]${RegExp.escape(error.specifier ?? "")}["'\`]`)
  const fault: Fault = {
    file: file === pipeline.path ? pipeline.displayPath : toDisplayPath(path, pipeline.cwd, file),
    line: error.position?.line ?? (yield* lineOf(file, quoted)),
    text: error.message.split("\n")[0] ?? ""
  }
  return fault
})

/** The line of the pipeline file in an error's stack; 0 if the file is not in it. */
const lineFrom = ({ path }: PipelineFile, error: unknown): number => {
  const stack = error instanceof Error ? (error.stack ?? "") : ""
  return Number(new RegExp(`${RegExp.escape(path)}:(\\d+)`).exec(stack)?.[1] ?? 0)
}

const tryRead = <A>(of: () => A): A | undefined => Result.getOrUndefined(Result.try(of))

/** The failure for an error that a pipeline file threw, or that changing its pipeline failed with. */
export const toPipelineThrew = (file: PipelineFile, error: unknown): PipelineThrew => {
  // The properties of a user's error may throw when read, or have any type.
  const text = tryRead(() => String(messageOf(error)))
  const advice = tryRead(() => (isFailure(error) ? String(error.remedy) : undefined))
  const fault: Fault = {
    file: file.displayPath,
    line: tryRead(() => lineFrom(file, error)) ?? 0,
    text: text ?? "an error that cannot be printed"
  }
  return new PipelineThrew({ fault, ...(advice === undefined ? {} : { advice }) })
}

/** Fails with the cause of a failed import: the file does not compile, or it threw. */
export const failWithImportError = Effect.fnUntraced(function* (file: PipelineFile, error: unknown) {
  const errors: ReadonlyArray<unknown> = error instanceof AggregateError ? error.errors : [error]
  const [first, ...rest] = errors.filter(isBunMessage)
  if (first !== undefined) {
    const others = yield* Effect.forEach(rest, (each) => toFault(file, each))
    return yield* new PipelineNotCompiled({ faults: [yield* toFault(file, first), ...others] })
  }
  // For an import of a name that the module does not export, the linker gives no location.
  const name = error instanceof SyntaxError ? /Export named '([^']+)'/.exec(error.message)?.[1] : undefined
  if (name === undefined || !(error instanceof SyntaxError)) return yield* toPipelineThrew(file, error)
  const line = yield* lineOf(file.path, new RegExp(`\\b${RegExp.escape(name)}\\b`))
  return yield* new PipelineNotCompiled({ faults: [{ file: file.displayPath, line, text: error.message }] })
})

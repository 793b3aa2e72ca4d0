import { Effect, FileSystem, Path, Result } from "effect"
import { isFailure } from "../../core/Failure.ts"
import { messageOf } from "../../core/errorText.ts"
import { type PipelineFile, shownFrom } from "./find.ts"
import { type Fault, PipelineNotCompiled, PipelineThrew } from "./PipelineFileError.ts"

/** What Bun says of a file that it cannot parse, or of an import that leads nowhere. */
interface Message {
  readonly name: string
  readonly message: string
  readonly position: { readonly file: string; readonly line: number } | null
  readonly referrer?: string
  readonly specifier?: string
}

const isMessage = (error: unknown): error is Message =>
  error instanceof Object && "name" in error && (error.name === "BuildMessage" || error.name === "ResolveMessage")

/** The first line of a file that matches; 0 where none does. */
const lineOf = Effect.fnUntraced(function* (file: string, pattern: RegExp) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.orElseSucceed(fs.readFileString(file), () => "")
  return text.split("\n").findIndex((line) => pattern.test(line)) + 1
})

/** A mistake in the pipeline's file, or in one that it imports. */
const faultOf = Effect.fnUntraced(function* (pipeline: PipelineFile, said: Message) {
  const path = yield* Path.Path
  const file = said.position?.file || said.referrer || pipeline.path
  // Where an import leads nowhere, only the module is named that asks for it.
  const quoted = new RegExp(`["'\`]${RegExp.escape(said.specifier ?? "")}["'\`]`)
  const fault: Fault = {
    file: file === pipeline.path ? pipeline.shown : shownFrom(path, pipeline.cwd, file),
    line: said.position?.line ?? (yield* lineOf(file, quoted)),
    text: said.message.split("\n")[0] ?? ""
  }
  return fault
})

/** The line of the pipeline's file from which an error came; 0 where it came from elsewhere. */
const lineFrom = ({ path }: PipelineFile, error: unknown): number => {
  const stack = error instanceof Error ? (error.stack ?? "") : ""
  return Number(new RegExp(`${RegExp.escape(path)}:(\\d+)`).exec(stack)?.[1] ?? 0)
}

const read = <A>(of: () => A): A | undefined => Result.getOrUndefined(Result.try(of))

/** What a file threw, or what changing a pipeline in it failed with. */
export const threw = (file: PipelineFile, error: unknown): PipelineThrew => {
  // Of an error of its own, what is read may throw in turn, or be of any type.
  const text = read(() => String(messageOf(error)))
  const advice = read(() => (isFailure(error) ? String(error.remedy) : undefined))
  const fault: Fault = {
    file: file.shown,
    line: read(() => lineFrom(file, error)) ?? 0,
    text: text ?? "something that cannot be shown"
  }
  return new PipelineThrew({ fault, ...(advice === undefined ? {} : { advice }) })
}

/** Tells a file that is no program from one that threw, by what its import failed with. */
export const explained = Effect.fnUntraced(function* (file: PipelineFile, error: unknown) {
  const errors: ReadonlyArray<unknown> = error instanceof AggregateError ? error.errors : [error]
  const [first, ...rest] = errors.filter(isMessage)
  if (first !== undefined) {
    const others = yield* Effect.forEach(rest, (each) => faultOf(file, each))
    return yield* new PipelineNotCompiled({ faults: [yield* faultOf(file, first), ...others] })
  }
  // An import of a name that its module does not have is found by the linker, which does not say where.
  const name = error instanceof SyntaxError ? /Export named '([^']+)'/.exec(error.message)?.[1] : undefined
  if (name === undefined || !(error instanceof SyntaxError)) return yield* threw(file, error)
  const line = yield* lineOf(file.path, new RegExp(`\\b${RegExp.escape(name)}\\b`))
  return yield* new PipelineNotCompiled({ faults: [{ file: file.shown, line, text: error.message }] })
})

import { readFileSync } from "node:fs"
import { isAbsolute, relative } from "node:path"
import type { PipelineFile } from "./find.ts"
import { type Fault, PipelineNotCompiled } from "./PipelineFileError.ts"

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

/** The files of one folder are shown as the pipeline's is. */
const shownAs = (file: PipelineFile, path: string): string => {
  if (path === file.path) return file.shown
  const below = relative(process.cwd(), path)
  return below.startsWith("..") || isAbsolute(below) ? path : below
}

/** The line of a file that has a text in quotes; 0 where none has, or the file is not there. */
const lineWith = (path: string, text: string): number => {
  try {
    const lines = readFileSync(path, "utf8").split("\n")
    return lines.findIndex((line) => line.includes(`"${text}"`) || line.includes(`'${text}'`)) + 1
  } catch {
    return 0
  }
}

const fault = (file: PipelineFile, { message, position, referrer, specifier = "" }: Message): Fault => {
  const path = position?.file || referrer || file.path
  const line = position?.line ?? lineWith(path, specifier)
  return { file: shownAs(file, path), line, text: message.split("\n")[0] ?? "" }
}

/** The error of a file that is no program, where that is what an import failed with. */
export const broken = (file: PipelineFile, error: unknown): PipelineNotCompiled | undefined => {
  const errors: ReadonlyArray<unknown> = error instanceof AggregateError ? error.errors : [error]
  const [first, ...rest] = errors.filter(isMessage)
  if (first !== undefined) {
    return new PipelineNotCompiled({ faults: [fault(file, first), ...rest.map((each) => fault(file, each))] })
  }
  // What only the linking of modules finds has no position.
  if (!(error instanceof SyntaxError)) return undefined
  const name = /named '([^']+)'/.exec(error.message)?.[1] ?? ""
  return new PipelineNotCompiled({
    faults: [{ file: file.shown, line: name === "" ? 0 : lineOfWord(file.path, name), text: error.message }]
  })
}

const lineOfWord = (path: string, word: string): number => {
  try {
    const pattern = new RegExp(`\\b${RegExp.escape(word)}\\b`)
    return (
      readFileSync(path, "utf8")
        .split("\n")
        .findIndex((line) => pattern.test(line)) + 1
    )
  } catch {
    return 0
  }
}

/** Where an error was made: the innermost place that is not in a package. */
export const placeOf = (file: PipelineFile, error: unknown): { readonly file: string; readonly line: number } => {
  const stack = error instanceof Error ? (error.stack ?? "") : ""
  const own = [...stack.matchAll(/(?:\(|at )(\/[^\n()]+?):(\d+)(?::\d+)?\)?$/gm)].find(
    ([, path = ""]) => path === file.path
  )
  return { file: file.shown, line: Number(own?.[2] ?? 0) }
}

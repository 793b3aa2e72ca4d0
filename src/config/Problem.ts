import { Schema } from "effect"
import { ExitCode } from "../core/Failure.ts"

/** A mistake in a file, and its location. */
export const Problem = Schema.Struct({
  /** Relative to the current folder if the file is below it, otherwise absolute. */
  file: Schema.String,
  /** Starts at 1. */
  line: Schema.Int,
  /** The key, such as `services.web.ports[0]`. Empty if the problem concerns the file itself. */
  path: Schema.String,
  /** A sentence whose subject is the path. */
  message: Schema.String
})
export type Problem = typeof Problem.Type

/** The keys and list indexes that lead to a value. */
export type KeyPath = ReadonlyArray<string | number>

/** Formats a path: `services.web.ports[0]`. */
export const showPath = (path: KeyPath): string =>
  path.reduce<string>(
    (text, part) => (typeof part === "number" ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`),
    ""
  )

/** Formats a problem as `file:line path: message`, always on one line. */
export const showProblem = ({ file, line, message, path }: Problem): string =>
  `${file}:${line} ${path === "" ? "" : `${path}: `}${message}`.replaceAll(/\p{Cc}+/gu, " ")

/** The deploy file or its environment's file has mistakes. The error lists all of them, in the order of the files. */
export class ConfigInvalid extends Schema.TaggedError<ConfigInvalid>()("ConfigInvalid", {
  problems: Schema.Array(Problem)
}) {
  override get message() {
    const count = this.problems.length === 1 ? "a mistake" : `${this.problems.length} mistakes`
    // One per line, which editors and CI systems recognize.
    return [`The configuration has ${count}:`, ...this.problems.map(showProblem)].join("\n")
  }
  get remedy() {
    return this.problems.length === 1 ? "Correct this line." : "Correct these lines."
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

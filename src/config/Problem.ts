import { Schema } from "effect"
import { defineError } from "../core/defineError.ts"

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

/** The deploy file or its environment's file has errors. All of them are listed, in the order of the files. */
export class ConfigInvalid extends defineError<ConfigInvalid>()("ConfigInvalid", {
  fields: { problems: Schema.Array(Problem) },
  message: (e) => {
    const count = e.problems.length === 1 ? "an error" : `${e.problems.length} errors`
    // One problem a line, as editors and CI expect it.
    return [`The configuration has ${count}:`, ...e.problems.map(showProblem)].join("\n")
  },
  remedy: (e) => (e.problems.length === 1 ? "Fix this line." : "Fix these lines."),
  exitCode: "configuration",
  sample: {
    problems: [
      {
        file: ".jiji/deploy.yml",
        line: 3,
        path: "servers.web1.hots",
        message: "is not a known key; did you mean `host`?"
      }
    ]
  }
}) {}

import { Schema } from "effect"
import { defineError } from "../core/defineError.ts"

/** One thing that is wrong in a file, and where. */
export const Problem = Schema.Struct({
  /** As a person would name it: relative to the current folder where it is below it. */
  file: Schema.String,
  /** Counted from 1. */
  line: Schema.Int,
  /** `services.web.ports[0]`; empty where it is about the file itself. */
  path: Schema.String,
  /** A sentence that has the path as its subject. */
  message: Schema.String
})
export type Problem = typeof Problem.Type

/** The keys and list positions that lead to a value. */
export type KeyPath = ReadonlyArray<string | number>

/** `services.web.ports[0]`. */
export const showPath = (path: KeyPath): string =>
  path.reduce<string>(
    (text, part) => (typeof part === "number" ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`),
    ""
  )

/** `file:line path: sentence`, on one line whatever it quotes. */
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

import { homedir } from "node:os"
import { Effect, FileSystem, Path, Result, Schema } from "effect"
import { crossChecks } from "./checks.ts"
import { DeployFile } from "./DeployFile.ts"
import { find } from "./find.ts"
import { descend, keyPlaceOf, type Located, placeOf, plain } from "./Located.ts"
import { overlay } from "./overlay.ts"
import { ConfigInvalid, type KeyPath, type Problem, showPath } from "./Problem.ts"
import type { Project } from "./Project.ts"
import { resolve } from "./resolve.ts"
import { type Finding, findings } from "./sentences.ts"
import { utf8 } from "./utf8.ts"
import { parseYaml } from "./yaml.ts"

export interface LoadOptions {
  /** Where the search starts, and what shown paths are relative to. Absolute. */
  readonly cwd: string
  /** The deploy file, in place of the one that is found by walking up. Relative to `cwd`, or absolute. */
  readonly config?: string
  /** The environment whose file is laid over it. */
  readonly environment?: string
}

const decode = Schema.decodeUnknownResult(DeployFile, { errors: "all", onExcessProperty: "error" })

/** Where the text that was written counts, and not the number that YAML makes of it: `1.10`, `0755`. */
const verbatim = (path: KeyPath): boolean => {
  const [top, , key, inner] = path
  if (top !== "services" || path.length < 4) return false
  if (key === "environment") return inner === "clear"
  return key === "command" || key === "ports" || (key === "build" && inner === "args")
}

const locate = (tree: Located, { atKey, message, path }: Finding): Problem => {
  const { file, line } = atKey ? keyPlaceOf(tree, path) : placeOf(tree, path)
  return { file, line, path: showPath(path), message }
}

/** All that is wrong with a tree, or the decoded file. */
const check = (tree: Located): Result.Result<DeployFile, ReadonlyArray<Problem>> => {
  const value = plain(tree, verbatim)
  const valueAt = (path: KeyPath): unknown => {
    const node = descend(tree, path)
    return node === undefined ? undefined : plain(node, verbatim, path)
  }
  const decoded = decode(value)
  const wrong = Result.isFailure(decoded) ? findings(decoded.failure.issue, valueAt) : []
  const problems = [...wrong.map((finding) => locate(tree, finding)), ...crossChecks(tree)]
  return problems.length === 0 && Result.isSuccess(decoded) ? Result.succeed(decoded.success) : Result.fail(problems)
}

/** Loads the project: finds the files, lays them over each other, and reports every problem in them at once. */
export const load = Effect.fn("load")(function* (
  options: LoadOptions
): Effect.fn.Return<Project, Effect.Error<ReturnType<typeof find>> | ConfigInvalid, FileSystem.FileSystem | Path.Path> {
  const path = yield* Path.Path
  const found = yield* find(options)
  const parsed = found.files.map(({ bytes, shown }) => {
    const text = utf8(bytes)
    if (typeof text !== "string") {
      const message = "is not UTF-8 text; save the file in that encoding"
      return { tree: undefined, problems: [{ file: shown, line: text.line, path: "", message }] }
    }
    return parseYaml(shown, text)
  })
  const syntax = parsed.flatMap(({ problems }) => problems)
  const [base, above] = parsed
  // A file that cannot be read as a tree has said why already; checking the rest without it would report what is not so.
  const unreadable = parsed.some(({ problems, tree }) => tree === undefined && problems.length > 0)
  const empty: Problem = { file: found.files[0].shown, line: 1, path: "", message: "the file is empty" }
  const tree = base?.tree !== undefined && above?.tree !== undefined ? overlay(base.tree, above.tree) : base?.tree
  const checked = unreadable ? Result.fail([]) : tree === undefined ? Result.fail([empty]) : check(tree)
  if (Result.isFailure(checked) || syntax.length > 0) {
    const rest = Result.isFailure(checked) ? checked.failure : []
    return yield* new ConfigInvalid({
      problems: inOrder(
        found.files.map(({ shown }) => shown),
        [...syntax, ...rest]
      )
    })
  }
  return resolve(checked.success, {
    root: found.root,
    home: homedir(),
    ...(options.environment !== undefined && { environment: options.environment }),
    join: path.resolve
  })
})

const inOrder = (files: ReadonlyArray<string>, problems: ReadonlyArray<Problem>): ReadonlyArray<Problem> =>
  [...problems].sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line)

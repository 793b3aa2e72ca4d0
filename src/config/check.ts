import { Result, Schema } from "effect"
import { keepsContainerText } from "./containerSettings.ts"
import { crossChecks } from "./crossChecks.ts"
import { DeployFile } from "./DeployFile.ts"
import type { ConfigFile } from "./find.ts"
import { descend, keyPlaceOf, type Located, placeOf, plain } from "./Located.ts"
import { overlay } from "./overlay.ts"
import { type KeyPath, type Problem, showPath } from "./Problem.ts"
import { type Finding, schemaProblems } from "./problemText.ts"
import { parseFile } from "./readTree.ts"

const decode = Schema.decodeUnknownResult(DeployFile, { errors: "all", onExcessProperty: "error" })

/** The paths whose values are kept as written. YAML parses `1.10` and `0755` as numbers, but a variable needs the text. */
const keepsText = (path: KeyPath): boolean => {
  const [top, , key, inner] = path
  if (top === "hooks") return key === "command" || (key === "environment" && inner === "clear")
  if (top === "triggers") return key === "run"
  if (top === "services" && keepsContainerText(path.slice(2))) return true
  if (top !== "services" || path.length < 4) return false
  if (key === "environment") return inner === "clear"
  if (key === "release") return inner === "command"
  return key === "command" || key === "console" || key === "ports" || (key === "build" && inner === "args")
}

const locate = (tree: Located, { atKey, message, path }: Finding): Problem => {
  const { file, line } = atKey ? keyPlaceOf(tree, path) : placeOf(tree, path)
  return { file, line, path: showPath(path), message }
}

const valueIn =
  (tree: Located) =>
  (path: KeyPath): unknown => {
    const node = descend(tree, path)
    return node === undefined ? undefined : plain(node, keepsText, path)
  }

const decodeTree = (tree: Located): Result.Result<DeployFile, ReadonlyArray<Problem>> =>
  Result.mapError(decode(plain(tree, keepsText)), ({ issue }) =>
    schemaProblems(issue, valueIn(tree)).map((finding) => locate(tree, finding))
  )

/** The problems in the deploy file and its environment's file, in order. The tree is absent if a file cannot be parsed. */
interface Invalid {
  readonly problems: ReadonlyArray<Problem>
  readonly tree: Located | undefined
}

/** Sorts problems by their places in the files. */
export const inOrder = (files: ReadonlyArray<ConfigFile>, problems: ReadonlyArray<Problem>): ReadonlyArray<Problem> => {
  const order = files.map(({ shown }) => shown)
  return [...problems].sort((a, b) => order.indexOf(a.file) - order.indexOf(b.file) || a.line - b.line)
}

/**
 * Parses and validates the deploy file merged with its environment's file. Returns the decoded file and the tree that it was
 * decoded from, or all problems in both files, in order.
 */
export const check = (
  files: readonly [ConfigFile, ...ReadonlyArray<ConfigFile>],
  builtinCommands: ReadonlyArray<string> = []
): Result.Result<{ readonly deploy: DeployFile; readonly tree: Located }, Invalid> => {
  const parsed = files.map(parseFile)
  const yamlProblems = parsed.flatMap(({ problems }) => problems)
  const fail = (others: ReadonlyArray<Problem>, tree?: Located) => {
    // A YAML error in a line causes other problems in the same line, so leave those out.
    const rest = others.filter(({ file, line }) => !yamlProblems.some((it) => it.file === file && it.line === line))
    return Result.fail({ problems: inOrder(files, [...yamlProblems, ...rest]), tree })
  }
  // If a file cannot be parsed, checking the other file on its own would report wrong problems.
  if (parsed.some(({ problems, tree }) => tree === undefined && problems.length > 0)) return fail([])
  const [base, above] = parsed.map(({ tree }) => tree)
  if (base === undefined) return fail([{ file: files[0].shown, line: 1, path: "", message: "the file is empty" }])
  const tree = above === undefined ? base : overlay(base, above)
  const decoded = decodeTree(tree)
  const crossProblems = crossChecks(tree, builtinCommands)
  if (Result.isFailure(decoded)) return fail([...decoded.failure, ...crossProblems], tree)
  return yamlProblems.length + crossProblems.length > 0
    ? fail(crossProblems, tree)
    : Result.succeed({ deploy: decoded.success, tree })
}

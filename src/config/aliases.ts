import { Context, Effect, Result, Schema } from "effect"
import { CommandLine } from "effect/process"
import { find } from "./find.ts"
import { checkedText, name } from "./fields.ts"
import { child, entries, keyPlaceOf, type Located, placeOf, type SourceLocation, written } from "./Located.ts"
import { ConfigInvalid, type KeyPath, type Problem, showPath } from "./Problem.ts"
import { readTree } from "./readTree.ts"
import { suggest } from "./suggest.ts"

/** The commands of jiji itself, which no alias can replace. Empty where jiji has no command line. */
export const BuiltinCommands = Context.Reference<ReadonlyArray<string>>("jiji/config/BuiltinCommands", {
  defaultValue: () => []
})

/** Splits a command of jiji in deploy.yml into words. Quotes and backslashes work as in a shell, which does not run: it expands nothing. */
export const splitCommand = (text: string): Result.Result<ReadonlyArray<string>, string> => {
  // As a template without values.
  const template = Object.assign([text], { raw: [text] })
  return CommandLine.template(template).pipe(
    Result.mapError(({ message }) => `cannot be split into words: ${message.replace(/ in template part 0$/u, "")}`),
    Result.flatMap((words) => {
      const all = words.filter((word) => typeof word === "string")
      if (all.length === 0) return Result.fail("is empty; write a command of jiji, such as exec web -- bin/console")
      return all[0] === "jiji" ? Result.fail("must not begin with jiji; leave it out") : Result.succeed(all)
    })
  )
}

const fault = (text: string): string | undefined => {
  const words = splitCommand(text)
  return Result.isFailure(words) ? words.failure : undefined
}

/** The key `aliases` of deploy.yml. */
export const aliasesKey = Schema.Record(
  name(),
  checkedText(fault, {
    description: "The command without `jiji`, in quotes where a shell needs them",
    examples: ["exec web -- bin/rails dbconsole"]
  })
).annotate({
  description:
    "Short names for commands: `jiji NAME` runs the command, with further arguments at its end. An alias can use another one. Names of jiji's own commands cannot be used.",
  default: {}
})

/** The aliases as they are written, by name. */
const writtenAliases = (root: Located | undefined): ReadonlyMap<string, string> =>
  new Map(
    entries(child(root, "aliases")).flatMap(([name, node]) => {
      const text = written(node)
      return text === undefined ? [] : [[name, text] as const]
    })
  )

const firstWord = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : Result.getOrElse(splitCommand(text), (): ReadonlyArray<string> => [])[0]

/** The aliases that lead from one back to itself. Empty if it does not. */
const circleFrom = (name: string, aliases: ReadonlyMap<string, string>): ReadonlyArray<string> => {
  const path = [name]
  for (let next = firstWord(aliases.get(name)); next !== undefined && aliases.has(next);) {
    path.push(next)
    if (next === name) return path
    if (path.indexOf(next) < path.length - 1) return []
    next = firstWord(aliases.get(next))
  }
  return []
}

/** The command whose place an alias may take, since many projects that come from Kamal have an alias of this name. */
const replaceable = "console"

/** Whether no alias can take the place of a command. */
export const isReserved = (name: string, builtin: ReadonlyArray<string>): boolean =>
  builtin.includes(name) && name !== replaceable

/** Reports aliases that hide a command, name no command, or lead back to themselves. */
export const checkAliases = (
  root: Located,
  builtin: ReadonlyArray<string>,
  reportKey: (path: KeyPath, message: string) => void
): void => {
  const aliases = writtenAliases(root)
  for (const [name, text] of aliases) {
    const path = ["aliases", name]
    const first = firstWord(text)
    if (isReserved(name, builtin)) {
      reportKey(
        path,
        `jiji has a command of this name, which an alias cannot replace; rename it, such as to \`my-${name}\``
      )
      continue
    }
    const circle = circleFrom(name, aliases)
    if (circle.length > 0) reportKey(path, `leads back to itself: ${circle.join(" → ")}`)
    if (builtin.length === 0 || first === undefined || aliases.has(first) || builtin.includes(first)) continue
    const near = suggest(first, [...builtin, ...aliases.keys()])
    const help = near === undefined ? "`jiji --help` lists the commands" : `did you mean \`${near}\`?`
    reportKey(path, `${first} is not a command of jiji; ${help}`)
  }
}

/** The aliases of a project. */
export interface Aliases {
  readonly words: ReadonlyMap<string, ReadonlyArray<string>>
  /** What is wrong with them. Then they must not be used. */
  readonly problems: ReadonlyArray<Problem>
}

const none: Aliases = { words: new Map(), problems: [] }

/** Reads the aliases of a project, and nothing else. There are none without a project. */
export const readAliases = Effect.fnUntraced(
  function* (options: { readonly cwd: string; readonly config?: string; readonly environment?: string }) {
    const { files } = yield* find(options)
    const read = readTree(files)
    if (Result.isFailure(read)) return yield* new ConfigInvalid({ problems: read.failure })
    const root = read.success
    if (root === undefined) return none
    const problems: Array<Problem> = []
    const add = (place: SourceLocation, path: KeyPath, message: string) =>
      problems.push({ file: place.file, line: place.line, path: showPath(path), message })
    checkAliases(root, yield* BuiltinCommands, (path, message) => add(keyPlaceOf(root, path), path, message))
    const words = new Map<string, ReadonlyArray<string>>()
    for (const [name, text] of writtenAliases(root)) {
      const split = splitCommand(text)
      if (Result.isSuccess(split)) words.set(name, split.success)
      else add(placeOf(root, ["aliases", name]), ["aliases", name], split.failure)
    }
    const aliases: Aliases = { words, problems }
    return aliases
  },
  Effect.catchTag("ConfigNotFound", () => Effect.succeed(none))
)

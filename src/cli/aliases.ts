import { Effect } from "effect"
import { CliError } from "effect/cli"
import { BuiltinCommands, isReserved, readAliases } from "../config/aliases.ts"
import { ConfigInvalid } from "../config/Problem.ts"
import { suggest } from "../config/suggest.ts"

/** The value of a flag of one of these forms: `-e VALUE`, `--environment VALUE`, `--environment=VALUE`. */
const flagValue = (words: ReadonlyArray<string>, short: string, long: string): string | undefined => {
  const end = words.indexOf("--")
  const own = end === -1 ? words : words.slice(0, end)
  const at = own.findIndex((word) => word === short || word === long)
  if (at !== -1) return own[at + 1]
  return own.find((word) => word.startsWith(`${long}=`))?.slice(long.length + 1)
}

/** Adds further words to those of an alias. It may have the separator already. */
const withMore = (alias: ReadonlyArray<string>, more: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...alias,
  ...(alias.includes("--") && more[0] === "--" ? more.slice(1) : more)
]

/**
 * Replaces an alias of the project by its words. Reads deploy.yml only if the first word is no command of jiji's own, so that
 * these start as fast as without aliases.
 */
export const expandAlias = Effect.fnUntraced(function* (words: ReadonlyArray<string>, cwd: string) {
  const commands = yield* BuiltinCommands
  const [first] = words
  if (first === undefined || first.startsWith("-") || isReserved(first, commands)) return words
  const config = flagValue(words, "-c", "--config")
  const environment = flagValue(words, "-e", "--environment")
  const { problems, words: aliases } = yield* readAliases({
    cwd,
    ...(config !== undefined && { config }),
    ...(environment !== undefined && { environment })
  })
  const isAlias = aliases.has(first) || problems.some(({ path }) => path === `aliases.${first}`)
  if (isAlias && problems.length > 0) return yield* new ConfigInvalid({ problems })
  const near = isAlias || commands.includes(first) ? undefined : suggest(first, [...aliases.keys()])
  if (near !== undefined) {
    const command = suggest(first, commands)
    const suggestions = command === undefined ? [near] : [near, command]
    const error = new CliError.UnknownSubcommand({ subcommand: first, parent: ["jiji"], suggestions })
    return yield* new CliError.ShowHelp({ commandPath: ["jiji"], errors: [error] })
  }
  let expanded = words
  // It ends, since aliases that lead back to themselves are among the problems.
  for (let alias = aliases.get(first); alias !== undefined; alias = aliases.get(expanded[0] ?? "")) {
    expanded = withMore(alias, expanded.slice(1))
  }
  return expanded
})

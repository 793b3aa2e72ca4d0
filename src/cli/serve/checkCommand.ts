import { Effect, Option, Result } from "effect"
import { CliError, Command } from "effect/cli"
import { suggest } from "../../config/suggest.ts"
import { joinWords } from "../../core/text.ts"
import { CommandRefused, type CheckedCommand } from "../../serve/Commands.ts"
import * as DeployCommand from "../commands/deploy.ts"
import * as MaintenanceCommand from "../commands/maintenance.ts"
import * as PruneCommand from "../commands/prune.ts"
import * as RemoveCommand from "../commands/remove.ts"
import * as RestartCommand from "../commands/restart.ts"
import * as RollbackCommand from "../commands/rollback.ts"
import * as StartCommand from "../commands/start.ts"
import * as StopCommand from "../commands/stop.ts"
import { oneLineMessage } from "./oneLineMessage.ts"

/** What is wrong with the flags of a command that `jiji serve` should run. */
type Fault = string | undefined

/** Files that a request names could be any file of this machine. */
const foreignFile = (flags: {
  readonly config: Option.Option<string>
  readonly page?: Option.Option<string>
}): Fault => {
  if (Option.isSome(flags.config)) return "--config cannot be used here: each project has its own deploy.yml."
  return flags.page !== undefined && Option.isSome(flags.page)
    ? "--page cannot be used here; use --message."
    : undefined
}

/** Nobody can answer a question. */
const needsYes = ({ dryRun, yes }: { readonly dryRun: boolean; readonly yes: boolean }): Fault =>
  yes || dryRun ? undefined : "it cannot ask for confirmation here; add --yes"

/** Reads the words of a command, but runs `fault` on its flags instead of the command. */
const checking =
  <Name extends string, Input, ContextInput, E, R>(
    command: Command.Command<Name, Input, ContextInput, E, R>,
    fault: (flags: Input) => Fault
  ) =>
  (words: ReadonlyArray<string>) =>
    Command.runWith(
      Command.withHandler(command, (flags) => {
        const text = fault(flags)
        return text === undefined ? Effect.void : Effect.fail(text)
      }),
      { version: "" }
    )(words)

/** The commands that `jiji serve` runs, with the role that each needs. */
const commands = {
  deploy: {
    role: "run",
    check: checking(
      DeployCommand.command,
      (flags) => foreignFile(flags) ?? (flags.confirm ? needsYes(flags) : undefined)
    )
  },
  rollback: { role: "run", check: checking(RollbackCommand.command, foreignFile) },
  start: { role: "run", check: checking(StartCommand.command, foreignFile) },
  stop: {
    role: "run",
    check: checking(
      StopCommand.command,
      (flags) => foreignFile(flags) ?? (flags.services.length + flags.globs.length === 0 ? needsYes(flags) : undefined)
    )
  },
  restart: { role: "run", check: checking(RestartCommand.command, foreignFile) },
  maintenance: { role: "run", check: checking(MaintenanceCommand.command, foreignFile) },
  prune: {
    role: "run",
    check: checking(PruneCommand.command, (flags) => foreignFile(flags) ?? needsYes({ yes: flags.yes, dryRun: false }))
  },
  // It can remove data.
  remove: {
    role: "administer",
    check: checking(RemoveCommand.command, (flags) => foreignFile(flags) ?? needsYes(flags))
  }
} as const

const isBuiltin = (name: string): name is keyof typeof commands => Object.hasOwn(commands, name)

const asksForHelp = (word: string): boolean =>
  word === "-h" || word.startsWith("--help") || word.startsWith("--completions")

/** What is wrong with flags that print something instead of running the command, or in another form. */
export const printingFlags = (words: ReadonlyArray<string>): string | undefined =>
  words.some((word) => asksForHelp(word) || word === "--json") ? "--help and --json print something." : undefined

/** A pipeline's name. A path could be any file of this machine. */
const pipelineName = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/

/** Decides whether `jiji serve` runs a command, and reads its flags. */
export const checkCommand = Effect.fnUntraced(function* (words: ReadonlyArray<string>) {
  const [name = "", ...rest] = words
  const refused = (...reasons: ReadonlyArray<string>) => new CommandRefused({ command: name, reasons })
  const printing = printingFlags(rest)
  if (printing !== undefined) return yield* refused(printing)
  if (name === "run") {
    const [pipeline = "", ...flags] = rest
    if (!pipelineName.test(pipeline)) return yield* refused("Name a pipeline in .jiji/pipelines first.")
    return { _tag: "Pipeline", name: pipeline, flags } satisfies CheckedCommand
  }
  if (!isBuiltin(name)) {
    const near = suggest(name, [...Object.keys(commands), "run"])
    const help = near === undefined ? "" : `; did you mean ${near}?`
    return yield* refused(`it runs ${joinWords([...Object.keys(commands), "run"])}${help}`)
  }
  const { check, role } = commands[name]
  const checked = yield* Effect.result(check(rest))
  if (Result.isSuccess(checked)) return { _tag: "Builtin", role, words } satisfies CheckedCommand
  const error = checked.failure
  if (typeof error === "string") return yield* refused(error)
  const errors = error instanceof CliError.ShowHelp ? error.errors : [error]
  return yield* refused(...errors.map(({ message }) => oneLineMessage(message)))
})

import { Context, Schema } from "effect"
import { CommandLine } from "effect/process"
import { defineError } from "../../core/defineError.ts"

/** The words after `--` of a command that runs another one. Undefined without `--`. jiji does not parse them. */
export const CommandWords = Context.Reference<ReadonlyArray<string> | undefined>("jiji/cli/CommandWords", {
  defaultValue: () => undefined
})

/** The commands that take words after `--`. */
const commands = [["exec"], ["console"], ["server", "exec"]]

/** What to do if one of these commands gets words that belong after `--`. `path` is the command's, without `jiji`. */
export const separatorHint = (path: ReadonlyArray<string>, words: ReadonlyArray<string>): string | undefined => {
  const name = path.join(" ")
  if (!commands.some((each) => each.join(" ") === name)) return undefined
  const service = name === "server exec" ? "" : " SERVICE"
  return `What to run goes after --: jiji ${name}${service} -- ${CommandLine.display(words)}`
}

/** Splits a command line into jiji's own words and those after `--`. */
export const splitCommandWords = (words: ReadonlyArray<string>) => {
  const takes = commands.some((path) => path.every((word, index) => words[index] === word))
  const end = takes ? words.indexOf("--") : -1
  return end === -1 ? { own: words, after: undefined } : { own: words.slice(0, end), after: words.slice(end + 1) }
}

/** `jiji exec` or `jiji server exec` did not get a command. */
export class NoCommandGiven extends defineError<NoCommandGiven>()("NoCommandGiven", {
  fields: {
    /** Such as `jiji exec web`. */
    command: Schema.String
  },
  message: "jiji needs to know what to run: the command and its arguments, after --.",
  remedy: (e) => `For example: ${e.command} -- ls -l`,
  exitCode: "usage",
  sample: { command: "jiji exec web" }
}) {}

import { CommandLine } from "effect/process"
import { argumentsOf, type Command } from "../layers/processes/Command.ts"
import type { EventBody } from "../core/Event.ts"
import { label, type Machine } from "../layers/shell/Machine.ts"
import type { Entry } from "./Recording.ts"

/** These only tell others who is deploying. */
const aboutTheRun = new Set(["JIJI_RUN", "JIJI_RUN_ID", "JIJI_BY"])

/** The entry of the audit repeats what the command says. */
const repeated = "JIJI_ENTRY"

/** The environment variables of a command that say what it does. */
const usedVariables = ({ env = {} }: Command) =>
  Object.entries(env).filter(([name, value]) => value !== "" && !aboutTheRun.has(name))

/** Lists a command's environment variables, which are not on the command line: a server gets them on stdin. */
const variables = (machine: Machine, command: Command): string => {
  const shown = usedVariables(command).filter(([name]) => name !== repeated)
  const words = shown.map(
    ([name, value]) => `${name}=${typeof value === "string" ? CommandLine.display([value]) : "<redacted>"}`
  )
  const transport = machine._tag === "Remote" ? "via stdin" : "in the environment"
  return words.length === 0 ? "" : ` (${transport}: ${words.join(" ")})`
}

/** A command as a user would type it. Shows a script's name instead of its text, and only the names of secrets. */
export const commandText = (machine: Machine, command: Command): string => {
  const program = command.script === undefined ? [] : [`jiji:${command.script}.sh`]
  const stdin = command.stdin === undefined ? "" : " < <redacted>"
  return `${[...program, ...shownWords(command)].join(" ")}${stdin}${variables(machine, command)}`
}

/** Quotes the words of a command where a shell needs it. Of a script's arguments, only the values. */
const shownWords = (command: Command): ReadonlyArray<string> => {
  const named = Object.entries(command.arguments ?? {}).filter(([, value]) => value !== "")
  return [
    ...named.map(([name, value]) => `${name}=${CommandLine.display([value])}`),
    ...argumentsOf(command)
      .slice(named.length)
      .map((word) => CommandLine.display([word]))
  ]
}

/** A command as `--dry-run` prints it: what a person would type, a line for each command. */
const commandLines = (machine: Machine, command: Command): ReadonlyArray<string> => {
  const { byHand, env = {} } = command
  if (byHand === undefined) return [commandText(machine, command)]
  // jiji's scripts log in and out by themselves.
  const reads = (words: ReadonlyArray<string>) => env["JIJI_PASSWORD"] !== undefined && words[1] === "login"
  return byHand.map((words) => `${CommandLine.display(words)}${reads(words) ? " < <redacted>" : ""}`)
}

/** The lines of an entry in the output of `--dry-run`. */
export const entryLines = (entry: Entry): ReadonlyArray<string> =>
  entry._tag === "Command" ? commandLines(entry.machine, entry.command) : [entryText(entry)]

/** An entry in one line, with scripts by their names. Actions other than commands start with `#`. */
export const entryText = (entry: Entry): string => {
  switch (entry._tag) {
    case "Command":
      return commandText(entry.machine, entry.command)
    case "Connect":
      return "# open the SSH connection"
    case "Forward":
      return `# forward 127.0.0.1:${entry.port} to the local registry on this machine`
    case "Import":
      return `# import the saved image into the local registry as ${entry.repository}:${entry.tag}${entry.platform === undefined ? "" : ` for ${entry.platform}`}`
    case "Serve":
      return `# serve the local registry, read-only, on 127.0.0.1:${entry.port}`
  }
}

/** The event of an entry. */
export const plannedEvent = (entry: Entry): EventBody => {
  const machine = label(entry.machine)
  const text = entryLines(entry).join("\n")
  const action = { _tag: "ActionPlanned", machine, text: text.replace(/^# /, "") } as const
  switch (entry._tag) {
    case "Command": {
      const { byHand, script, stdin } = entry.command
      return {
        _tag: "CommandPlanned",
        machine,
        text,
        words: argumentsOf(entry.command),
        ...(script !== undefined && { script }),
        ...(byHand !== undefined && { byHand }),
        env: usedVariables(entry.command).map(([name]) => name),
        stdin: stdin !== undefined
      }
    }
    case "Connect":
      return { ...action, action: "connect" }
    case "Forward":
      return { ...action, action: "forward", port: entry.port }
    case "Import":
      return { ...action, action: "import", image: `${entry.repository}:${entry.tag}` }
    case "Serve":
      return { ...action, action: "serve", port: entry.port }
  }
}

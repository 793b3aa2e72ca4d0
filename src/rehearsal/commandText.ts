import { CommandLine } from "effect/process"
import { argumentsOf, type Command } from "../layers/processes/Command.ts"
import type { EventBody } from "../core/Event.ts"
import { label, type Machine } from "../layers/shell/Machine.ts"
import type { Entry } from "./Recording.ts"

/** The environment variables of a command that say what it does. `JIJI_RUN` only tells others who is deploying. */
const usedVariables = ({ env = {} }: Command) =>
  Object.entries(env).filter(([name, value]) => value !== "" && name !== "JIJI_RUN")

/** Lists a command's environment variables, which are not on the command line: a server gets them on stdin. */
const variables = (machine: Machine, command: Command): string => {
  const words = usedVariables(command).map(
    ([name, value]) => `${name}=${typeof value === "string" ? CommandLine.display([value]) : "<redacted>"}`
  )
  const transport = machine._tag === "Remote" ? "via stdin" : "in the environment"
  return words.length === 0 ? "" : ` (${transport}: ${words.join(" ")})`
}

/** A command as a user would type it. Shows a script's name instead of its text, and only the names of secrets. */
export const commandText = (machine: Machine, command: Command): string => {
  const shown = [...(command.script === undefined ? [] : [`jiji:${command.script}.sh`]), ...argumentsOf(command)]
  const stdin = command.stdin === undefined ? "" : " < <redacted>"
  return `${CommandLine.display(shown)}${stdin}${variables(machine, command)}`
}

/** An entry as `--dry-run` prints it. Actions other than commands start with `#`. */
export const entryText = (entry: Entry): string => {
  switch (entry._tag) {
    case "Command":
      return commandText(entry.machine, entry.command)
    case "Connect":
      return "# open the SSH connection"
    case "Forward":
      return `# forward 127.0.0.1:${entry.port} to the local registry on this machine`
    case "Import":
      return `# import the saved image into the local registry as ${entry.repository}:${entry.tag}`
    case "Serve":
      return `# serve the local registry, read-only, on 127.0.0.1:${entry.port}`
  }
}

/** The event of an entry. */
export const plannedEvent = (entry: Entry): EventBody => {
  const machine = label(entry.machine)
  const text = entryText(entry)
  const action = { _tag: "ActionPlanned", machine, text: text.replace(/^# /, "") } as const
  switch (entry._tag) {
    case "Command": {
      const { script, stdin } = entry.command
      return {
        _tag: "CommandPlanned",
        machine,
        text,
        words: argumentsOf(entry.command),
        ...(script !== undefined && { script }),
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

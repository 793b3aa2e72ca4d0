import { CommandLine } from "effect/process"
import type { Command } from "../layers/processes/Command.ts"
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

/** Stands for a hash, from which a short secret could be guessed. */
const hashMask = "<config>"

/** The hash of a container's configuration, which includes secrets, and the label with the hashes of its parts. */
const hashesIn = ({ script, words }: Command): { readonly config: string; readonly parts: string | undefined } => {
  if (script !== "replace") return { config: "", parts: undefined }
  const [, , , , , , , , config = ""] = words
  return { config, parts: words.find((word) => word.startsWith("jiji.parts=")) }
}

/** A command line without hashes of secrets. */
const withoutHashes = (command: Command, text: string): string => {
  const { config, parts } = hashesIn(command)
  const hidden = parts === undefined ? text : text.replaceAll(CommandLine.display([parts]), `'jiji.parts=${hashMask}'`)
  return config === "" ? hidden : hidden.replaceAll(config, hashMask)
}

/** The words of a command, or the arguments of a script, without hashes of secrets. */
const publicWords = (command: Command): ReadonlyArray<string> => {
  const { config, parts } = hashesIn(command)
  const words = command.script === undefined ? command.words : command.words.slice(4)
  return words.map((word) => {
    if (word === parts) return `jiji.parts=${hashMask}`
    return config === "" ? word : word.replaceAll(config, hashMask)
  })
}

/** A command as a user would type it. Shows a script's name instead of its text, and only the names of secrets. */
export const commandText = (machine: Machine, command: Command): string => {
  const [program, ...args] = command.words
  const words: ReadonlyArray<string> = command.script === undefined ? command.words : [program, ...args.slice(3)]
  const shown = command.script === undefined ? words : [`jiji:${command.script}.sh`, ...words.slice(1)]
  const stdin = command.stdin === undefined ? "" : " < <redacted>"
  const text = withoutHashes(command, CommandLine.display(shown))
  return `${text}${stdin}${variables(machine, command)}`
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
  const text = entryText(entry).replace(/^# /, "")
  const action = { _tag: "ActionPlanned", machine, text } as const
  switch (entry._tag) {
    case "Command": {
      const { script, stdin } = entry.command
      return {
        _tag: "CommandPlanned",
        machine,
        text: commandText(entry.machine, entry.command),
        words: publicWords(entry.command),
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
